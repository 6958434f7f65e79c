// Enhancement only: everything on the page is readable without it.
(() => {
  "use strict";
  const readAt = document.getElementById("read-at");
  const age = document.getElementById("read-age");
  const banner = document.querySelector("[data-expires-at]");
  const STALE_MINUTES = 15;

  const showAge = () => {
    const minutes = Math.floor((Date.now() - Date.parse(readAt.dateTime)) / 60000);
    if (!Number.isFinite(minutes) || minutes < 1) return;
    age.textContent = age.dataset.words.replace("{}", minutes);
    age.classList.toggle("banner__age--stale", minutes >= STALE_MINUTES);
  };

  // A chart left open on a ward screen is hidden when its session ends (SL-62).
  const hideWhenExpired = () => {
    const expiresAt = Date.parse(banner?.dataset.expiresAt ?? "");
    if (!Number.isFinite(expiresAt) || Date.now() < expiresAt) return;
    banner.remove();
    document.getElementById("content")?.remove();
    document.body.append(document.getElementById("expired").content.cloneNode(true));
    document.title = document.querySelector(".expired").dataset.title;
    clearInterval(timer);
  };

  document.querySelector(".waiting")?.remove();  // for browsers whose CSS cannot tell that the page has come

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
