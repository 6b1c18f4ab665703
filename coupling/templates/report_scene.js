// The 3-D view, drawn by Plotly, which is unpacked when the view is scrolled to.
const UPWARDS = { x: 0, y: 0, z: 1 };
const CAMERAS = {
  above: { eye: { x: 0.75, y: -1.2, z: 0.95 }, drop: 0.14, up: UPWARDS, collector: 1 },
  below: { eye: { x: 0.75, y: -1.2, z: -0.95 }, drop: -0.14, up: UPWARDS, collector: 0.2 },
  top: { eye: { x: 0, y: -0.001, z: 1.8 }, drop: 0, up: { x: 0, y: 1, z: 0 }, collector: 1 },
  side: { eye: { x: 0, y: -1.35, z: 0.12 }, drop: 0, up: UPWARDS, collector: 0.2 },
};

function hasWebGL() {
  const canvas = document.createElement("canvas");
  return Boolean(canvas.getContext("webgl2") || canvas.getContext("webgl"));
}

async function loadPlotly() {
  const source = new TextDecoder().decode(await unzip(byId("plotly").textContent.trim()));
  const script = element("script", {});
  script.textContent = source;
  document.head.append(script);
}

async function bodyTrace(body) {
  const vertices = await unpack(body.vertices);
  const triangles = await unpack(body.triangles);
  const column = (values, width, i) => values.filter((_, at) => at % width === i);
  return {
    type: "mesh3d", name: body.label, color: body.colour, opacity: 1, showlegend: true,
    x: column(vertices, 3, 0), y: column(vertices, 3, 1), z: column(vertices, 3, 2),
    i: column(triangles, 3, 0), j: column(triangles, 3, 1), k: column(triangles, 3, 2),
    flatshading: false, lighting: { ambient: 0.55, diffuse: 0.7, specular: 0.15, roughness: 0.7 },
    hovertemplate: "x %{x:.0f} µm, y %{y:.0f} µm, z %{z:.1f} µm<extra>%{fullData.name}</extra>",
  };
}

async function showScene() {
  const place = byId("scene");
  await loadPlotly();
  const traces = await Promise.all(DATA.scene.bodies.map(bodyTrace));
  const [x, y, z] = DATA.scene.size_um;
  const longest = Math.max(x, y);
  const stretch = DATA.scene.exaggeration;
  const narrow = place.clientWidth < 600;
  const camera = ({ eye, drop, up }) => {
    const back = narrow ? 1.9 : 1.1; // a narrow picture is seen from farther off
    return { eye: { x: back * eye.x, y: back * eye.y, z: back * eye.z }, center: { x: 0, y: 0, z: -drop }, up };
  };
  const axis = (title, count) => ({ title: { text: title }, nticks: count, backgroundcolor: "#fff", gridcolor: "#d0d7de" });
  await Plotly.newPlot(place, traces, {
    margin: { l: 0, r: 0, t: 0, b: 0 }, paper_bgcolor: "#fff", showlegend: true,
    legend: { orientation: "h", x: 0.02, y: 1, yanchor: "top", bgcolor: "rgba(255,255,255,0.8)" },
    scene: {
      xaxis: axis("x (µm)", 6), yaxis: axis("y (µm)", 6), zaxis: axis("z (µm)", 3),
      camera: camera(CAMERAS.above),
      aspectmode: "manual", aspectratio: { x: (1.2 * x) / longest, y: (1.2 * y) / longest, z: (1.2 * stretch * z) / longest },
      dragmode: "orbit",
    },
  }, { responsive: true, displaylogo: false, displayModeBar: !narrow, scrollZoom: false, modeBarButtonsToRemove: ["resetCameraLastSave3d"] });
  for (const button of document.querySelectorAll("[data-camera]")) {
    button.addEventListener("click", () => {
      const view = CAMERAS[button.dataset.camera];
      const first = DATA.scene.bodies.findIndex((body) => body.name === "collector");
      if (first >= 0) Plotly.restyle(place, { opacity: view.collector }, [first]);
      Plotly.relayout(place, { "scene.camera": camera(view) });
    });
  }
  document.documentElement.dataset.scene = "shown";
}

function startScene() {
  if (!byId("scene")) return;
  const still = () => byId("volume").classList.add("still");
  if (!hasWebGL()) {
    byId("scene-live").hidden = true;
    still();
    return;
  }
  const watcher = new IntersectionObserver((seen) => {
    if (!seen.some((entry) => entry.isIntersecting)) return;
    watcher.disconnect();
    showScene().catch((error) => {
      byId("scene-live").hidden = true;
      still();
      console.warn(`3-D view: ${error}`);
    });
  }, { rootMargin: "200px" });
  watcher.observe(byId("scene"));
}
