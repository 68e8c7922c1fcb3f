// Writes chips into the prompt in the browser; page/prompt_help.py makes them. A prompt has one
// phrase of each kind: a second one takes the place of the first.
const GROUPS = ["subject", "colour", "place", "time", "weather", "motion", "camera", "style"];
const textOf = (chip) => chip.textContent;
const chipsOf = (kind) => [...element.querySelectorAll(`[data-kind="${kind}"]`)].map(textOf);
const pick = (list) => list[Math.floor(Math.random() * list.length)];
const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
const find = (text, phrases) =>
  [...phrases]
    .sort((a, b) => b.length - a.length)
    .map((phrase) => text.match(new RegExp(`\\b${escaped(phrase)}\\b`, "i")))
    .find((match) => match);
const withArticle = (words) => `${/^[aeiou]/i.test(words) ? "an" : "a"} ${words}`;
const correctArticles = (text) =>
  text.replace(/\b(an?) (?=\w)/gi, (all, article, at) => {
    const right = /[aeiou]/i.test(text[at + all.length]) ? "an" : "a";
    return `${article[0] === "A" ? "A" + right.slice(1) : right} `;
  });

function write(text, kind, phrase) {
  const old = find(text, chipsOf(kind));
  if (old) {
    const after = text.slice(old.index + old[0].length);
    return correctArticles(text.slice(0, old.index) + phrase + after);
  }
  const subject = kind === "colour" && find(text, chipsOf("subject"));
  if (subject) {
    const at = subject.index;
    return correctArticles(`${text.slice(0, at)}${phrase} ${text.slice(at)}`);
  }
  const words = kind === "subject" ? withArticle(phrase) : phrase;
  const glue = !text.trim() ? "" : ["camera", "style", "subject"].includes(kind) ? ", " : " ";
  return text.trimEnd() + glue + words;
}

function surprise() {
  const any = Object.fromEntries(GROUPS.map((kind) => [kind, pick(chipsOf(kind)) ?? ""]));
  const who = withArticle(`${any.colour} ${any.subject}`.trim());
  const scene = [who, any.motion, any.place, any.time].filter(Boolean).join(" ");
  return [scene, Math.random() < 0.5 && any.camera, Math.random() < 0.3 && any.style]
    .filter(Boolean)
    .join(", ");
}

// A film has a box on each of its cards.
const boxes = () => element.querySelector("[data-writes]").dataset.writes;
let last;
document.addEventListener("focusin", ({ target }) => {
  if (target.matches(boxes())) last = target;
});
const findBox = () => {
  const shown = [...document.querySelectorAll(boxes())].filter((box) => box.offsetParent);
  return shown.includes(last) ? last : shown[0];
};

element.addEventListener("click", (event) => {
  const chip = event.target.closest("button");
  const box = findBox();
  if (!chip || !box) return;
  const isSurprise = chip.classList.contains("kinora-surprise");
  box.value = isSurprise ? surprise() : write(box.value, chip.dataset.kind, textOf(chip));
  box.dispatchEvent(new Event("input", { bubbles: true }));
});
