// Edits the cards of a film in the browser, without asking the server; only changed values are
// drawn again. Runs when the page is loaded; page/storyboard_cards.py connects the buttons.
() => {
  const UNCHANGED = { __type__: "update" };
  const EDITS = {
    add: (cards, index, empty) => cards.push(empty),
    up: (cards, index) => index > 0 && cards.splice(index - 1, 2, cards[index], cards[index - 1]),
    down: (cards, index) =>
      index + 1 < cards.length && cards.splice(index, 2, cards[index + 1], cards[index]),
    duplicate: (cards, index) => cards.splice(index, 0, cards[index]),
    remove: (cards, index) => cards.splice(index, 1),
    // Another take of the same shot; the take is the last value of a card.
    retry: (cards, index) => cards[index].push(cards[index].pop() + 1),
    move: (cards, [from, to]) => cards.splice(to, 0, ...cards.splice(from, 1)),
  };

  // Returns the number of visible cards, then the values of all cards, then their visibility.
  window.editCards = (edit, index, empty, count, ...values) => {
    const width = empty.length;
    const room = values.length / width;
    const cards = [];
    for (let i = 0; i < count; i++) cards.push(values.slice(i * width, (i + 1) * width));
    const grows = edit === "add" || edit === "duplicate";
    if (!grows || cards.length < room) EDITS[edit](cards, index, empty);
    if (cards.length === 0) cards.push(empty);
    window.kinoraForms.keepShots(cards);
    const changed = values.map((value, i) => {
      const card = cards[Math.floor(i / width)];
      return card === undefined || card[i % width] === value ? UNCHANGED : card[i % width];
    });
    const seen = Array.from({ length: room }, (_, i) =>
      i < count === i < cards.length ? UNCHANGED : { ...UNCHANGED, visible: i < cards.length },
    );
    return [cards.length, ...changed, ...seen];
  };
};
