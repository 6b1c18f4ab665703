// Stress fields: the deformed mesh on a canvas, as the paper's figure 7, with its own scale of displacements.
const fieldCache = new Map();

async function loadField(label) {
  if (!fieldCache.has(label)) {
    const packed = DATA.fields[label];
    const outline = async (line) => ({ points: await unpack(line.points), displacement: await unpack(line.displacement) });
    fieldCache.set(label, {
      reach: packed.reach,
      points: await unpack(packed.points),
      displacement: await unpack(packed.displacement),
      sigma1: await unpack(packed.sigma1),
      triangles: await unpack(packed.triangles),
      lithium: await outline(packed.lithium),
      copper: await outline(packed.copper),
      undeformed: await unpack(packed.undeformed),
    });
    const field = fieldCache.get(label);
    field.copperDepth = field.copper.points.reduce((deepest, z, i) => (i % 2 ? Math.max(deepest, -z) : deepest), 0);
  }
  return fieldCache.get(label);
}

// Colour of a stress: as many steps as the printed figure, one more at each end.
function stressColour(mpa) {
  const { lowest, highest, colours, under, over } = DATA.stress_scale;
  if (mpa < lowest) return under;
  if (mpa > highest) return over;
  return colours[Math.min(Math.floor(((mpa - lowest) / (highest - lowest)) * colours.length), colours.length - 1)];
}

function moved(line, scale, place) {
  const path = new Path2D();
  for (let i = 0; i < line.points.length; i += 2) {
    const [x, y] = place(line.points[i] + scale * line.displacement[i], line.points[i + 1] + scale * line.displacement[i + 1]);
    if (i) path.lineTo(x, y);
    else path.moveTo(x, y);
  }
  return path;
}

// Paths of one colour each: one stroke of the brush for all elements of like stress.
function stressPaths(field, scale, place) {
  const count = field.sigma1.length;
  const [x, y] = [new Float32Array(count), new Float32Array(count)];
  for (let i = 0; i < count; i++) {
    [x[i], y[i]] = place(
      field.points[2 * i] + scale * field.displacement[2 * i],
      field.points[2 * i + 1] + scale * field.displacement[2 * i + 1]);
  }
  const paths = new Map();
  for (let at = 0; at < field.triangles.length; at += 3) {
    const [a, b, c] = [field.triangles[at], field.triangles[at + 1], field.triangles[at + 2]];
    const colour = stressColour((field.sigma1[a] + field.sigma1[b] + field.sigma1[c]) / 3);
    if (!paths.has(colour)) paths.set(colour, new Path2D());
    const path = paths.get(colour);
    path.moveTo(x[a], y[a]);
    path.lineTo(x[b], y[b]);
    path.lineTo(x[c], y[c]);
    path.closePath();
  }
  return paths;
}

function drawField(canvas, field, scale, reach) {
  const ratio = Math.min(window.devicePixelRatio || 1, 2);
  const width = Math.max(canvas.clientWidth, 280);
  const [left, bottom] = [44, 38];
  const unit = (width - left) / (2 * reach);
  // nothing is known below the current collector
  const depth = Math.min(0.25 * reach, field.copperDepth || Infinity);
  const height = Math.round((0.85 * reach + depth) * unit) + bottom;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  canvas.style.aspectRatio = `${width} / ${height}`;
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, width, height);
  const [middle, zero] = [left + reach * unit, 0.85 * reach * unit];
  const place = (r, z) => [r * unit, -z * unit];
  const paths = stressPaths(field, scale, place);
  const bodies = [[field.copper, DATA.stress_scale.copper], [field.lithium, DATA.stress_scale.lithium]];
  pen.save();
  pen.beginPath();
  pen.rect(left, 0, width - left, height - bottom);
  pen.clip();
  for (const side of [1, -1]) {
    pen.save();
    pen.translate(middle, zero);
    pen.scale(side, 1);
    pen.lineWidth = 0.7; // hides the seams between neighbours
    for (const [colour, path] of paths) {
      pen.fillStyle = pen.strokeStyle = colour;
      pen.fill(path);
      pen.stroke(path);
    }
    for (const [line, colour] of bodies) {
      if (!line.points.length) continue;
      pen.fillStyle = pen.strokeStyle = colour;
      const path = moved(line, scale, place);
      path.closePath();
      pen.fill(path);
      pen.stroke(path);
    }
    pen.strokeStyle = "#000";
    pen.lineWidth = 1;
    pen.stroke(moved({ points: field.undeformed, displacement: new Float32Array(field.undeformed.length) }, 0, place));
    pen.restore();
  }
  pen.restore();
  drawFieldAxes(pen, { left, bottom, width, height, middle, zero, unit, reach });
  canvas.field = { field, scale, middle, zero, unit };
}

function drawFieldAxes(pen, at) {
  const floor = at.height - at.bottom;
  pen.strokeStyle = "#57606a";
  pen.lineWidth = 1;
  pen.strokeRect(at.left + 0.5, 0.5, at.width - at.left - 1, floor - 1);
  pen.fillStyle = "#1b1f24";
  pen.font = "12px system-ui, 'DejaVu Sans', sans-serif";
  pen.textAlign = "center";
  for (const r of ticks(-at.reach, at.reach, 7)) {
    const x = Math.max(at.left + 12, Math.min(at.middle + r * at.unit, at.width - 12));
    pen.fillText(number(Math.abs(r), 0), x, floor + 15);
  }
  pen.fillText("r (µm)", at.middle, floor + 32);
  pen.textAlign = "right";
  for (const z of ticks(-0.25 * at.reach, 0.85 * at.reach, 6)) {
    const y = at.zero - z * at.unit;
    if (y > 8 && y < floor - 2) pen.fillText(number(z, 0), at.left - 5, y + 4);
  }
  pen.save();
  pen.translate(11, floor / 2);
  pen.rotate(-Math.PI / 2);
  pen.textAlign = "center";
  pen.fillText("z (µm)", 0, 0);
  pen.restore();
}

// Stress of the node that is nearest to the pointer.
function fieldAt(canvas, event) {
  if (!canvas.field) return "";
  const { field, scale, middle, zero, unit } = canvas.field;
  const box = canvas.getBoundingClientRect();
  const r = Math.abs(event.clientX - box.left - middle) / unit;
  const z = (zero - event.clientY + box.top) / unit;
  let [best, nearest] = [Infinity, 0];
  for (let i = 0; i < field.sigma1.length; i++) {
    const dr = field.points[2 * i] + scale * field.displacement[2 * i] - r;
    const dz = field.points[2 * i + 1] + scale * field.displacement[2 * i + 1] - z;
    if (dr * dr + dz * dz < best) [best, nearest] = [dr * dr + dz * dz, i];
  }
  if (Math.sqrt(best) > 0.04 * field.reach) return "";
  return `σ₁ = ${number(field.sigma1[nearest], 0)} MPa at r = ${number(r, 1)} µm, z = ${number(z, 1)} µm`;
}

async function showFields() {
  const scale = Number(byId("deformation").value);
  byId("deformation-value").textContent = `× ${scale}`;
  const pair = ["a", "b"].map((side) => ({ canvas: byId(`field-${side}`), select: byId(`field-choice-${side}`) }));
  const fields = await Promise.all(pair.map(({ select }) => loadField(Number(select.value))));
  const common = byId("same-scale").checked ? Math.max(...fields.map((field) => field.reach)) : null;
  pair.forEach(({ canvas, select }, i) => {
    const island = ISLANDS.get(Number(select.value));
    drawField(canvas, fields[i], scale, common || fields[i].reach);
    canvas.setAttribute("aria-label",
      `Stress field of island ${island.label}: ${number(island.apex_sigma1_mpa, 0)} MPa at the apex, risk R1 ${number(island.risk_bulk, 2)}`);
  });
  document.documentElement.dataset.fields = pair.map(({ select }) => select.value).join(" ");
}

function startFields() {
  if (!byId("field-a")) return;
  for (const side of ["a", "b"]) {
    byId(`field-choice-${side}`).addEventListener("change", showFields);
    const canvas = byId(`field-${side}`);
    canvas.addEventListener("pointermove", (event) => {
      byId(`field-value-${side}`).textContent = fieldAt(canvas, event) || "\u00a0";
    });
  }
  let waiting = false;
  byId("deformation").addEventListener("input", () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      showFields();
    });
  });
  byId("same-scale").addEventListener("change", showFields);
  window.addEventListener("resize", showFields);
  chosenListeners.push((island) => {
    const known = island.label in DATA.fields;
    byId("no-field").hidden = known;
    if (!known) {
      byId("no-field").textContent = `No stress field of island ${island.label} is kept in this page; the command beside the map makes it.`;
      return;
    }
    const [left, right] = [byId("field-choice-a"), byId("field-choice-b")];
    if (right.value === String(island.label)) right.value = left.value; // they change sides
    left.value = island.label;
    showFields();
  });
}
