// The queue of a visitor's clips: its buttons, the window's title, and news for other tabs of the
// browser. page/queue_bar.py draws it.
() => {
  const CHANGED = "kinora-queue";
  let plain;

  const setTitle = ({ jobs, ended }) => {
    plain ??= document.title;
    const running = jobs.find((job) => job.percent) ?? jobs[0];
    if (running) document.title = `${running.percent || "Waiting"} · ${plain}`;
    else document.title = ended && document.hidden ? `${ended} · ${plain}` : plain;
  };

  window.kinoraQueue = (element, trigger, props, watch) => {
    const look = () => trigger("submit");
    element.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (button) trigger("click", { ...button.dataset });
    });
    watch("value", () => {
      setTitle(props.value);
      const text = JSON.stringify(props.value.jobs.map((job) => [job.id, job.state]));
      try {
        if (localStorage.getItem(CHANGED) !== text) localStorage.setItem(CHANGED, text);
      } catch {} // no store is allowed here
    });
    addEventListener("storage", (event) => event.key === CHANGED && look());
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) return;
      setTitle({ ...props.value, ended: "" });
      look();
    });
  };
};
