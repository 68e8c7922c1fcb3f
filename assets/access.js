// The keyboard, and what a screen reader is told. Runs in the page's head.
() => {
  const inSight = (selector) =>
    [...document.querySelectorAll(selector)].find((x) => x.offsetParent && !x.disabled);

  // Arrows move between tabs, as in every tab list; Gradio's tabs know only the mouse.
  const STEPS = { ArrowRight: 1, ArrowLeft: -1 };
  const moveTab = (event) => {
    const tabs = [...event.target.parentElement.querySelectorAll("[role=tab]")];
    const ends = { Home: 0, End: tabs.length - 1 };
    const index = tabs.indexOf(event.target) + (STEPS[event.key] ?? 0);
    const next = tabs.at(ends[event.key] ?? index % tabs.length);
    next.focus();
    next.click();
    event.preventDefault();
  };

  const stop = () => {
    const button = inSight("[id$='-stop']");
    if (button && confirm("Stop? The part that is finished stays.")) button.click();
  };

  document.addEventListener("keydown", (event) => {
    const { key, target } = event;
    if (target.matches?.("[role=tab]") && /^(Arrow(Left|Right)|Home|End)$/.test(key)) {
      moveTab(event);
    } else if (key === "Enter" && (event.ctrlKey || event.metaKey)) {
      // The fields hand their values over when they are left.
      target.blur?.();
      setTimeout(() => inSight("[id$='-generate']")?.click());
      event.preventDefault();
    } else if (key === "Escape" && !document.querySelector("[role=listbox], dialog[open]")) {
      stop();
    }
  });

  // On a phone the result follows the button, and comes into sight with it.
  document.addEventListener("click", ({ target }) => {
    const button = target.closest?.("[id$='-generate'], [id$='-update']");
    if (button && innerWidth < 768) button.scrollIntoView();
  });

  // A clip is named after what it shows, and the parts of Gradio's player after what they do.
  const NAMES = { "play-pause-replay-button": "Play or pause", "full-screen": "Full screen" };
  const nameParts = ({ target }) => {
    const block = target.closest?.(".block");
    if (!block || !target.matches("video")) return;
    const shows = block.querySelector("[data-testid=block-label]")?.textContent.trim();
    if (shows) target.setAttribute("aria-label", shows);
    block.querySelector("progress")?.setAttribute("aria-label", "Position in the clip");
    for (const [bad, good] of Object.entries(NAMES)) {
      block.querySelector(`[aria-label="${bad}"]`)?.setAttribute("aria-label", good);
    }
  };
  document.addEventListener("loadeddata", nameParts, true);
  const labelOf = (block) =>
    block?.querySelector("[data-testid=block-label]")?.textContent.trim() || "Picture";

  // Progress changes every second. Spoken are new stages, and every 20 s how far it is.
  const region = document.createElement("div");
  region.id = "kinora-live";
  region.setAttribute("role", "status");
  const place = () => document.body.append(region);
  if (document.body) place();
  else addEventListener("DOMContentLoaded", place);
  let stage = "";
  let spokenAt = 0;
  const speak = (status) => {
    const text = status.textContent.trim();
    const now = text.replace(/[\d.,%]+/g, "");
    if (!text || (now === stage && Date.now() - spokenAt < 20_000)) return;
    stage = now;
    spokenAt = Date.now();
    region.textContent = text;
  };
  const watcher = new MutationObserver((changes) => {
    // Gradio gives an empty gallery a name, but not what it is.
    document.querySelector('[aria-label="Empty value"]:not([role])')?.setAttribute("role", "img");
    // Its pictures are buttons without a name.
    for (const frame of document.querySelectorAll("button:not([aria-label]) > .image-frame")) {
      frame.parentElement.setAttribute("aria-label", labelOf(frame.closest(".block")));
    }
    // The heads of its messages are buttons around the one that closes them.
    for (const head of document.querySelectorAll(".toast-header[role]")) {
      head.removeAttribute("role");
      head.removeAttribute("tabindex");
    }
    for (const { target } of changes) {
      const status = (target.parentElement ?? target).closest?.("[id$='-status']");
      if (status?.offsetParent) return speak(status);
    }
  });
  watcher.observe(document.documentElement, { subtree: true, childList: true, characterData: true });
};
