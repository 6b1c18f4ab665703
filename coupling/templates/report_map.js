// The map: point at an island for its numbers, click (or press Enter) for its profile and field.
const chosenListeners = [];
const METHODS = { exact: "solved by itself", interpolated: "interpolated between solved islands", failed: "could not be solved" };

function choose(label) {
  for (const node of document.querySelectorAll("[data-label]")) {
    const own = Number(node.dataset.label) === label;
    node.classList.toggle("chosen", own);
    if (node.classList.contains("island")) node.setAttribute("aria-pressed", own);
  }
  for (const listener of chosenListeners) listener(ISLANDS.get(label));
}

function hint(island) {
  const claim = island.method === "interpolated" ? ` ± ${number(island.error, 2)}` : "";
  const risk = island.risk_bulk === null ? "no solution" : `risk R1 ${number(island.risk_bulk, 2)}${claim}`;
  return [
    `island ${island.label}`,
    `${number(island.contact_diameter_um, 1)} µm wide, ${number(island.height_um, 1)} µm tall`,
    risk,
  ];
}

function showTip(circle) {
  const tip = byId("tip");
  const lines = hint(ISLANDS.get(Number(circle.dataset.label)));
  tip.replaceChildren(...lines.map((line) => element("div", {}, line)));
  tip.hidden = false;
  const box = circle.getBoundingClientRect();
  const left = box.left + box.width / 2 - tip.offsetWidth / 2;
  const widest = document.documentElement.clientWidth - tip.offsetWidth - 8;
  const above = box.top - tip.offsetHeight - 8;
  tip.style.left = `${window.scrollX + Math.max(8, Math.min(left, widest))}px`;
  tip.style.top = `${window.scrollY + (above > 4 ? above : box.bottom + 8)}px`;
}

function hideTip() {
  byId("tip").hidden = true;
}

function startMap() {
  for (const circle of document.querySelectorAll("#map .island")) {
    circle.addEventListener("pointerenter", () => showTip(circle));
    circle.addEventListener("focus", () => showTip(circle));
    circle.addEventListener("pointerleave", hideTip);
    circle.addEventListener("blur", hideTip);
    circle.addEventListener("click", () => choose(Number(circle.dataset.label)));
    circle.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      choose(Number(circle.dataset.label));
    });
  }
  for (const button of document.querySelectorAll("button.number")) {
    button.addEventListener("click", () => {
      choose(Number(button.dataset.label));
      byId("where").scrollIntoView();
    });
  }
  for (const radio of document.querySelectorAll("input[name=layer]")) {
    radio.addEventListener("change", () => {
      const risk = byId("layer-risk").checked;
      byId("map").classList.toggle("risk", risk);
      byId("bar-risk").hidden = !risk;
      byId("bar-thickness").hidden = risk;
    });
  }
  chosenListeners.push(showFacts);
}

function showFacts(island) {
  byId("chosen-name").textContent = `Island ${island.label}`;
  const rows = [
    ["place", `x ${number(island.x_um, 0)} µm, y ${number(island.y_um, 0)} µm`],
    ["contact diameter", `${number(island.contact_diameter_um, 1)} µm`],
    ["height", `${number(island.height_um, 1)} µm (${number(island.aspect_ratio, 3)} of the diameter)`],
    ["volume", `${number(island.volume_um3, 0)} µm³`],
    ["risk R1, bulk", hint(island)[2].replace("risk R1 ", "") + (island.risk_bulk > 1 ? ": a crack is predicted" : "")],
    ["above it, beside it", `${number(island.risk_above, 2)}, ${number(island.risk_beside, 2)}`],
    ["risk R1, rim", number(island.risk_rim, 2)],
    ["lithium pressure", `${number(island.li_pressure_mpa, 0)} MPa`],
    ["σ₁ at the apex", `${number(island.apex_sigma1_mpa, 0)} MPa`],
    ["how it is known", (METHODS[island.method] || island.method) + (island.reason ? `: ${island.reason}` : "")],
  ];
  if (island.edge) rows.push(["note", "cut by the edge of the region of interest"]);
  byId("facts").replaceChildren(...rows.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]));
  chart(byId("profile"), island.profile, {
    x: "distance from the axis (µm)", y: "height (µm)", label: `Measured profile of island ${island.label}`, equal: true, filled: true,
  });
  byId("arc-figure").hidden = island.arc === null;
  if (island.arc !== null) {
    chart(byId("arc"), island.arc, {
      x: "distance along the surface from the apex (µm)", y: "σ₁ in the electrolyte (MPa)",
      label: `Largest principal stress along the surface of island ${island.label}`,
    });
  }
  const lines = island.commands.flatMap(([what, line]) => [`# ${what}\n`, element("code", {}, line), "\n"]);
  byId("commands").replaceChildren(...lines);
}
