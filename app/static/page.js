// Enhancement only: everything on the page is readable without it.
(() => {
  "use strict";
  const readAt = document.getElementById("read-at");
  const age = document.getElementById("read-age");
  const guarded = document.querySelector("[data-shown-seconds]");
  const hideAt = Date.now() + 1000 * Number(guarded?.dataset.shownSeconds);  // this clock's own time, be it wrong
  const STALE_MINUTES = 10;  // while the chart still shows: it is hidden after the idle time, fifteen by default

  const showAge = () => {
    const minutes = Math.floor((Date.now() - Date.parse(readAt.dateTime)) / 60000);
    if (!Number.isFinite(minutes) || minutes < 1) return;
    age.textContent = age.dataset.words.replace("{}", minutes);
    age.classList.toggle("banner__age--stale", minutes >= STALE_MINUTES);
  };

  const hide = () => {
    guarded.remove();
    document.getElementById("content")?.remove();
    clearInterval(timer);
  };

  // A chart left open on a ward screen is hidden when its session ends or has been idle too long (SL-62).
  const hideWhenExpired = () => {
    if (!guarded?.isConnected || !(Date.now() >= hideAt)) return;
    hide();
    document.body.append(document.getElementById("expired").content.cloneNode(true));
    document.title = document.querySelector(".expired").dataset.title;
  };

  // Back to a page the browser kept whole: the server says anew whether it may be seen.
  addEventListener("pageshow", (event) => {
    if (!event.persisted || !guarded) return;
    hide();
    location.reload();
  });

  // The page was sent in two parts (app/patient_page/first_paint.py), and this runs when the last byte has come.
  const waiting = document.getElementById("waiting");
  if (document.getElementById("whole")) waiting?.remove();  // for browsers whose CSS cannot tell
  else waiting?.classList.add("waiting--over");
  const late = document.getElementById("late-title");
  if (late) document.title = late.content.textContent;

  // Copy buttons show only where they work.
  const copyRow = document.getElementById("copy-row");
  if (copyRow && navigator.clipboard) {
    copyRow.hidden = false;
    copyRow.querySelector("[data-copy]").addEventListener("click", async (event) => {
      const source = document.getElementById(event.target.dataset.copy);
      try {
        await navigator.clipboard.writeText(source.value);
        document.getElementById("copied").textContent = event.target.dataset.copied;
      } catch {
        source.select();
        document.getElementById("copied").textContent = event.target.dataset.refused;
      }
    });
  }

  // One click, one request; the server holds this too.
  document.querySelectorAll("form[data-once]").forEach((form) => {
    form.addEventListener("submit", (event) => {
      if (form.dataset.sent) event.preventDefault();
      form.dataset.sent = "yes";
    });
  });
  if (document.querySelector("[data-look-again]")) setTimeout(() => location.reload(), 1500);

  const tick = () => {
    if (readAt && age) showAge();
    hideWhenExpired();
  };
  const timer = setInterval(tick, 20000);
  document.addEventListener("visibilitychange", tick);
  tick();
})();
