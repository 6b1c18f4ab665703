// A small line chart with a unit on each axis.
function chart(place, points, options) {
  const [xs, ys] = points;
  const [width, height, left, bottom, top] = [340, 190, 52, 40, 8];
  const xRange = [Math.min(0, ...xs), Math.max(...xs)];
  let yRange = [Math.min(0, ...ys), Math.max(0, ...ys)];
  if (options.equal) {
    const shape = (height - bottom - top) / (width - left - 10);
    const tall = (xRange[1] - xRange[0]) * shape;
    if (yRange[1] > tall) xRange[1] = xRange[0] + yRange[1] / shape;
    yRange = [0, Math.max(yRange[1], Math.min(tall, yRange[1] * 8))];
  }
  const x = (value) => left + ((value - xRange[0]) / (xRange[1] - xRange[0] || 1)) * (width - left - 10);
  const y = (value) =>
    height - bottom - ((value - yRange[0]) / (yRange[1] - yRange[0] || 1)) * (height - bottom - top);
  const svg = element("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": options.label });
  const small = { "font-size": 11 };
  const axis = { stroke: "#8c959f", "stroke-width": 1 };
  for (const value of ticks(...xRange, 6)) {
    svg.append(element("line", { ...axis, x1: x(value), x2: x(value), y1: height - bottom, y2: height - bottom + 4 }));
    svg.append(element("text", { ...small, x: x(value), y: height - bottom + 16, "text-anchor": "middle" }, number(value, 0)));
  }
  for (const value of ticks(...yRange, 5)) {
    const digits = Number.isInteger(value) ? 0 : 1;
    svg.append(element("line", { ...axis, x1: left - 4, x2: left, y1: y(value), y2: y(value) }));
    svg.append(element("text", { ...small, x: left - 7, y: y(value) + 4, "text-anchor": "end" }, number(value, digits)));
  }
  svg.append(element("path", { d: `M${left},${top}V${height - bottom}H${width - 10}`, fill: "none", ...axis }));
  if (yRange[0] < 0) svg.append(element("line", { ...axis, "stroke-dasharray": "3 3", x1: left, x2: width - 10, y1: y(0), y2: y(0) }));
  const line = xs.map((value, i) => `${i ? "L" : "M"}${x(value).toFixed(2)},${y(ys[i]).toFixed(2)}`).join("");
  if (options.filled) svg.append(element("path", { d: `${line}L${x(xs[0])},${y(0)}Z`, fill: "#b9bec9", stroke: "none" }));
  svg.append(element("path", { d: line, fill: "none", stroke: "#1a5fb4", "stroke-width": 2 }));
  svg.append(element("text", { ...small, x: (left + width) / 2, y: height - 6, "text-anchor": "middle" }, options.x));
  const middle = (height - bottom) / 2;
  svg.append(element("text", { ...small, x: 12, y: middle, "text-anchor": "middle", transform: `rotate(-90 12 ${middle})` }, options.y));
  place.replaceChildren(svg);
}
