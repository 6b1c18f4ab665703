// Whether a wide table or picture goes on beyond the right edge.
function markWide() {
  for (const box of document.querySelectorAll(".scroll")) {
    box.classList.toggle("wide", box.scrollWidth > box.clientWidth + 2);
  }
}

// Paper cannot be unfolded: what makes the record complete is open there.
function startPrinting() {
  let unfolded = [];
  window.addEventListener("beforeprint", () => {
    unfolded = [...document.querySelectorAll("details.record:not([open])")];
    for (const part of unfolded) part.open = true;
  });
  window.addEventListener("afterprint", () => {
    for (const part of unfolded) part.open = false;
  });
}

startMap();
startFields();
startScene();
startPrinting();
markWide();
window.addEventListener("resize", markWide);
document.addEventListener("toggle", markWide, true); // what was folded has no width
if (DATA.islands.length) choose(DATA.islands[0].label);
document.documentElement.dataset.ready = "yes";
