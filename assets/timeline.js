// Moves the shots of a film along its time line, and puts their pictures on the cards.
const shotOf = (event) => event.target.closest?.("[data-shot]");
const numberOf = (segment) => Number(segment.dataset.shot);
let moved;
const move = (from, to) => {
  const count = element.querySelectorAll("[data-shot]").length;
  if (to < 0 || to >= count || to === from) return;
  moved = to;
  window.kinoraCards.edit("move", [from, to]);
};

element.addEventListener("keydown", (event) => {
  const segment = shotOf(event);
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!segment || !step) return;
  event.preventDefault();
  move(numberOf(segment), numberOf(segment) + step);
});

element.addEventListener("click", (event) => {
  const segment = shotOf(event);
  if (!segment) return;
  const card = document.getElementById(`film-shot-${numberOf(segment) + 1}`);
  card?.scrollIntoView({ block: "center" });
  card?.querySelector("textarea")?.focus({ preventScroll: true });
});

let dragged;
element.addEventListener("dragstart", (event) => {
  dragged = shotOf(event) && numberOf(shotOf(event));
});
element.addEventListener("dragover", (event) => shotOf(event) && event.preventDefault());
element.addEventListener("drop", (event) => {
  event.preventDefault();
  if (dragged !== undefined && shotOf(event)) move(dragged, numberOf(shotOf(event)));
});

// As rules: cards come and go, and Gradio sets their classes.
const PICTURE = `aspect-ratio: 16/9; content: ""; display: block; max-height: 7rem; width: 100%;
  background: center / cover`;
const rules = document.head.appendChild(document.createElement("style"));
const show = () => {
  rules.textContent = props.value.pictures
    .map((picture, index) => {
      const card = `#film-shot-${index + 1}`;
      return picture && `${card}::before { ${PICTURE} url("${picture}") } ${card}-retry { display: block }`;
    })
    .join("\n");
  // A new value draws the segments anew: the moved one keeps the focus.
  if (moved !== undefined) element.querySelector(`[data-shot="${moved}"]`)?.focus();
  moved = undefined;
};
watch("value", show);
