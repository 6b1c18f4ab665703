// Numbers of the page, unpacked by the browser itself.
const DATA = JSON.parse(document.getElementById("islet-data").textContent);
const ISLANDS = new Map(DATA.islands.map((island) => [island.label, island]));
const byId = (id) => document.getElementById(id);

async function unzip(base64) {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

// An array packed by `coupling.packing`, in its own unit.
async function unpack(entry) {
  const kinds = { Float32Array, Int16Array, Uint32Array };
  const values = new kinds[entry.type](await unzip(entry.gzip));
  return entry.step === 1 ? values : Float32Array.from(values, (value) => value * entry.step);
}

function number(value, digits) {
  if (value === null || value === undefined) return "–";
  const text = value.toFixed(digits).replace("-", "−");
  return text.replace(/\B(?=(\d{3})+(?!\d))(?<!\.\d*)/g, "\u202f");
}

function element(name, attributes, text) {
  const svg = ["svg", "path", "line", "text", "g", "circle"].includes(name);
  const made = svg
    ? document.createElementNS("http://www.w3.org/2000/svg", name)
    : document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

// At most about `count` round numbers from low to high.
function ticks(low, high, count) {
  const power = 10 ** Math.floor(Math.log10((high - low) / count));
  const step = [1, 2, 5, 10].map((s) => s * power).find((s) => (high - low) / s <= count);
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++) found.push(i * step);
  return found.map((value) => Number(value.toPrecision(12)));
}
