// The course read out by arrow keys or a pointer, value by value and event by event. Without it the tables say the same.
(() => {
  "use strict";
  const box = document.getElementById("course-box");
  const row = document.getElementById("course-reader");
  if (!box || !row) return;
  const slider = row.querySelector("input");
  const output = row.querySelector("output");

  const middle = (dot) => Number(dot.dataset.x);

  // Of the charts for wide and for narrow panels one is shown.
  const charts = [...box.querySelectorAll(".course")].map((svg) => {
    const cursor = document.createElementNS("http://www.w3.org/2000/svg", "line");
    cursor.setAttribute("class", "course-cursor");
    const dots = [...svg.querySelectorAll("[data-x]")].sort((a, b) => middle(a) - middle(b));
    return { svg, cursor, dots };
  });
  const count = charts[0]?.dots.length ?? 0;
  if (!count) return;

  let current = 0;  // said once: a pointer moves many times over the same value

  const leave = () => {
    current = 0;
    for (const chart of charts) {
      chart.cursor.remove();
      chart.dots.forEach((dot) => dot.classList.remove("course-dot--read"));
    }
  };

  const read = (place) => {
    if (place === current) return;
    leave();
    current = place;
    slider.value = place;
    for (const { svg, cursor, dots } of charts) {
      const dot = dots[place - 1];
      const [top, bottom] = svg.dataset.reach.split(" ");
      const ends = { x1: middle(dot), x2: middle(dot), y1: top, y2: bottom };
      Object.entries(ends).forEach(([name, value]) => cursor.setAttribute(name, value));
      svg.insertBefore(cursor, svg.querySelector(".course-dot"));
      dot.classList.add("course-dot--read");
    }
    output.textContent = charts[0].dots[place - 1].querySelector("title").textContent;
    slider.setAttribute("aria-valuetext", row.dataset.place.replace("{place}", place).replace("{all}", count));
  };

  for (const { svg, dots } of charts) {
    svg.addEventListener("pointermove", (event) => {
      const x = ((event.clientX - svg.getBoundingClientRect().left) / svg.clientWidth) * svg.viewBox.baseVal.width;
      const gaps = dots.map((dot) => Math.abs(middle(dot) - x));
      read(gaps.indexOf(Math.min(...gaps)) + 1);
    });
  }
  slider.max = count;
  slider.value = count;
  slider.addEventListener("input", () => read(slider.valueAsNumber));
  slider.addEventListener("focus", () => read(slider.valueAsNumber));
  slider.addEventListener("blur", leave);
  row.hidden = false;
})();
