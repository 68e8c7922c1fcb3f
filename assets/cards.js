// Edits the cards of a film in the browser, without asking the server, and tells of what changes on
// them. Runs when the page is loaded; page/storyboard_cards.py has the component that does both.
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

  const PAUSE = 300; // milliseconds without a change before it is told
  const CARD = '[id^="film-shot-"]';
  const waiting = []; // edits: their name, and a card or from where to where one moves
  let trigger = () => {};
  let timer;

  const tell = () => {
    clearTimeout(timer);
    timer = undefined;
    trigger("input");
  };
  const tellSoon = (pause = PAUSE) => {
    clearTimeout(timer);
    timer = setTimeout(tell, pause);
  };
  const edit = (...what) => {
    waiting.push(what);
    trigger("click");
  };

  document.addEventListener("input", ({ target }) => target.closest(CARD) && tellSoon());
  // A menu gives the focus back when something is chosen. What was typed is told before what is
  // pressed next.
  document.addEventListener("focusout", ({ target }) => {
    const isMenu = target.closest(CARD) && target.matches("[role=listbox], [role=combobox]");
    if (isMenu || timer !== undefined) tellSoon(0);
  });
  document.addEventListener("click", ({ target }) => {
    const { dataset, id } = target.closest?.("button") ?? {};
    if (id === "film-add") edit("add");
    else if (dataset?.edit) edit(dataset.edit, Number(dataset.shot));
    else if (target.closest?.(`${CARD} .icon-button-wrapper`)) tellSoon(); // a picture is removed
  });

  window.kinoraCards = {
    start: (triggerEvent, watch) => {
      trigger = triggerEvent;
      watch("value", () => tellSoon());
      tellSoon();
    },
    edit,
    // Returns the number of visible cards, then the values of all cards, then their visibility; only
    // changed values are drawn again.
    apply: (empty, count, ...values) => {
      const [name, where] = waiting[0];
      const width = empty.length;
      const room = values.length / width;
      const cards = [];
      for (let i = 0; i < count; i++) cards.push(values.slice(i * width, (i + 1) * width));
      const grows = name === "add" || name === "duplicate";
      if (!grows || cards.length < room) EDITS[name](cards, where, empty);
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
    },
    applied: () => {
      const [name] = waiting.shift();
      tell();
      // The button is there for a film that is made, as are those that retry a shot.
      if (name === "retry") document.getElementById("film-update")?.click();
    },
  };
};
