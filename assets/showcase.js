// Plays the example clips that are in sight, and tells which one is pressed (page/showcase.py).
const quiet = matchMedia("(prefers-reduced-motion: reduce)");
const watcher = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (!isIntersecting || quiet.matches) {
      target.pause();
      continue;
    }
    target.src ||= target.dataset.src;
    target.play().catch(() => {}); // a browser that plays nothing by itself shows the picture
  }
});
for (const video of element.querySelectorAll("video")) watcher.observe(video);
element.addEventListener("click", (event) => {
  const card = event.target.closest("[data-example]");
  if (card) trigger("select", { index: Number(card.dataset.example) });
});
