// Keeps what is in the forms over a reload, in this browser alone, and copies links that fill a
// form. Runs when the page is loaded; page/forms.py calls it.
() => {
  const KEY = "kinora-forms";
  const MARK = "#form=";
  const stores = [sessionStorage, localStorage]; // a reload keeps its own tab's forms
  const kept = { forms: {} };
  let isReady = false;
  let isOpen = false; // the page itself opens its first tab
  let timer;

  const read = () => {
    for (const store of stores) {
      try {
        const { forms, tab } = JSON.parse(store.getItem(KEY));
        // A new tab of the browser begins with the first tab of the page.
        if (forms) return { forms, tab: store === sessionStorage ? tab : null };
      } catch {} // not ours, or no store is allowed here
    }
    return { forms: {} };
  };
  const write = () => {
    clearTimeout(timer);
    for (const store of stores) {
      try {
        store.setItem(KEY, JSON.stringify(kept));
      } catch {} // full, or not allowed
    }
  };
  const writeSoon = () => {
    clearTimeout(timer);
    timer = setTimeout(write, 300);
  };
  addEventListener("pagehide", () => isReady && write());

  const plain = (value) => value?.path ?? value; // of a file, its place on the server

  // In a fragment, which browsers send to no server.
  const pack = (form) => {
    const bytes = new TextEncoder().encode(JSON.stringify(form));
    const text = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
    return text.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
  };
  const unpack = (text) => {
    try {
      const bytes = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
      return JSON.parse(new TextDecoder().decode(Uint8Array.from(bytes, (x) => x.charCodeAt(0))));
    } catch {
      return null;
    }
  };
  addEventListener("hashchange", () => location.hash.startsWith(MARK) && location.reload());

  // What is typed on a card, at once: an event of Gradio with all cards takes 0.1 s on a busy machine.
  addEventListener("input", ({ target }) => {
    const card = isReady && target.closest('[id^="film-shot-"]:is([id$="-prompt"], [id$="-duration"])');
    if (!card) return;
    kept.forms.film ??= { tab: "film", shots: [] };
    const [index, name] = card.id.split("-").slice(2);
    const value = name === "prompt" ? target.value : target.valueAsNumber;
    const shot = kept.forms.film.shots[index - 1];
    kept.forms.film.shots[index - 1] = { ...shot, [name]: value };
    writeSoon();
  });

  window.kinoraForms = {
    // `names` are those of the first values; the rest are the number of shots and the cards.
    keep: (tab, names, shotNames, ...values) => {
      if (!isReady) return;
      const form = { tab };
      names.forEach((name, i) => (form[name] = plain(values[i])));
      const [count, ...cells] = values.slice(names.length);
      if (shotNames.length) {
        form.shots = Array.from({ length: count }, (_, i) =>
          Object.fromEntries(shotNames.map((x, j) => [x, plain(cells[i * shotNames.length + j])])),
        );
      }
      kept.forms[tab] = form;
      writeSoon();
    },
    // The cards after a button has moved or changed them; see cards.js.
    keepShots: (cards) => {
      if (!isReady) return;
      kept.forms.film ??= { tab: "film" };
      kept.forms.film.shots = cards.map((values) =>
        Object.fromEntries(window.kinoraShotFields.map((name, i) => [name, plain(values[i])])),
      );
      writeSoon();
    },
    open: (tab) => {
      if (isOpen) kept.tab = tab;
      isOpen = true;
      if (isReady) writeSoon();
    },
    // Returns what the page is to show: the drafts, the tab, and the form of a link.
    recall: () => {
      const opened = kept.tab; // by a visitor who was faster than the page
      Object.assign(kept, read());
      if (opened) kept.tab = opened;
      const linked = location.hash.startsWith(MARK) ? unpack(location.hash.slice(MARK.length)) : null;
      if (linked) {
        history.replaceState(null, "", location.pathname + location.search);
        kept.forms[linked.tab] = linked;
        kept.tab = linked.tab;
      }
      return [{ forms: Object.values(kept.forms), tab: kept.tab ?? null }];
    },
    ready: () => {
      isReady = true;
      if (kept.tab) writeSoon(); // of a visitor who was faster
    },
    // Returns whether the link was copied.
    copyLink: async (form) => {
      if (!form) return [false];
      const link = location.origin + location.pathname + MARK + pack(form);
      try {
        await navigator.clipboard.writeText(link);
      } catch {
        window.prompt("Copy this link:", link); // without HTTPS there is no clipboard
      }
      return [true];
    },
  };
};
