"""The report as people use it: in Chromium, with pointer, keyboard and no network."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import zarr
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from coupling.bridge import measured_islands, profile_of
from coupling.packing import packed
from coupling.pipeline import Story
from coupling.report import write_report
from coupling.report_islands import FIELDS, chosen_fields, commands, override
from coupling.report_words import reading, verdict, where_at_risk
from coupling.scene import scene_of
from coupling.schema_run import RunConfig
from coupling.verbs.risk import rank
from imaging.options import ImageOptions
from imaging.phantom import IslandChoice, PhantomOptions, make_phantom
from imaging.workflow import analyse_pair, write_image_result
from mechanics.interfaces import Contact, ContactOptions
from mechanics.stack import Kinematics, Loading, MeshSize, StackGeometry, StackKind

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
NAMES = ('be<img src=x onerror="boom()">fore.tif', "af'ter&amp;<script>boom()<!--.tif")
CAPS = [[60.0, 110.0, 44.0, 18.0], [110.0, 45.0, 60.0, 5.0]]
CRACK = [115.0, 115.0, 45.0, 16.0, 9.0, 3.0]
OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--enable-unsafe-swiftshader", "--disable-quic",
    "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--force-prefers-reduced-motion", "--host-resolver-rules=MAP * ~NOTFOUND",
)  # fmt: skip


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> tuple[Story, Path]:
    """Two islands and a crack in scans whose names want to break the page."""
    folder = tmp_path_factory.mktemp("report")
    files = [folder / name for name in NAMES]
    for file in files:
        file.write_bytes(b"named in the report, not read for it")
    phantom = make_phantom(
        PhantomOptions(
            shape=[90, 100, 100], islands=IslandChoice.listed, caps_um=CAPS, cracks_um=[CRACK],
            noise=0.008, shift_um=[0, 0, 0], rotation_deg=[0, 0, 0],
        )
    )  # fmt: skip
    config = RunConfig(
        before=str(files[0]), after=str(files[1]), register=False, workers=1,
        stack=StackGeometry(StackKind.canonical), kinematics=Kinematics.small,
        contact=ContactOptions(kind=Contact.bonded), load=Loading(steps=2),
        mesh=MeshSize(fine_um=2.0),
    )  # fmt: skip
    image = analyse_pair(phantom.before, phantom.after, ImageOptions(register=False))
    write_image_result(image, folder)
    islands = measured_islands(folder)
    electrode = rank(islands, {i.label: profile_of(i) for i in image.islands}, config, folder)
    scalars = {**image.scalars, **electrode.scalars}
    told = Story(
        config, folder, image, scene_of(image, image.cracks), islands, electrode, None, None,
        scalars, {}, electrode.files,
    )  # fmt: skip
    write_report(told, folder)
    return told, folder


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    if (CHROMIUM is None or DRIVER is None) and not os.environ.get("CI"):
        pytest.skip("needs Debian's chromium and chromium-driver; CI has them")
    assert CHROMIUM is not None
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for option in (*OPTIONS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
    driver.set_window_size(1200, 900)
    driver.set_page_load_timeout(60)
    yield driver
    driver.quit()


@pytest.fixture
def page(browser: webdriver.Chrome, story: tuple[Story, Path]) -> webdriver.Chrome:
    browser.set_window_size(1200, 900)
    for log in ("browser", "performance"):
        browser.get_log(log)
    browser.get((story[1] / "report.html").as_uri())
    wait(lambda: mark(browser, "ready") == "yes")
    return browser


def wait(reached: Callable[[], Any], seconds: float = 20.0) -> Any:
    """Wait until something is true, and return it."""
    end = time.monotonic() + seconds
    while not (found := reached()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)
    return found


def mark(page: webdriver.Chrome, name: str) -> str | None:
    """Return what the page's scripts say of themselves."""
    found: str | None = page.execute_script(
        f"return document.documentElement.dataset.{name} ?? null"
    )
    return found


def text_of(page: webdriver.Chrome, identity: str) -> str:
    return page.find_element(By.ID, identity).text


def circle(page: webdriver.Chrome, label: int) -> Any:
    return page.find_element(By.CSS_SELECTOR, f"#map .island[data-label='{label}']")


def labels(story: Story) -> tuple[int, int]:
    """Return the riskiest island and the other one."""
    first, second = story.electrode.table["label"]
    return int(first), int(second)


def test_nothing_is_fetched_and_nothing_goes_wrong(page: webdriver.Chrome) -> None:
    page.execute_script("document.getElementById('scene').scrollIntoView()")
    wait(lambda: mark(page, "scene") == "shown")
    wait(lambda: mark(page, "fields"))
    wrong = [entry for entry in page.get_log("browser") if entry["level"] == "SEVERE"]
    assert not wrong
    asked = [json.loads(entry["message"])["message"] for entry in page.get_log("performance")]
    urls = {
        event["params"]["request"]["url"]
        for event in asked
        if event["method"] == "Network.requestWillBeSent"
    }
    assert {url.partition(":")[0] for url in urls} <= {"file", "data", "blob"}
    assert sum(url.startswith("file:") for url in urls) == 1


def test_file_names_are_shown_as_they_are(page: webdriver.Chrome) -> None:
    for name in NAMES:
        assert name in page.find_element(By.TAG_NAME, "header").text
        assert name in page.title
    assert page.execute_script("return document.querySelectorAll('img[src=x]').length") == 0


def test_pointing_at_an_island_tells_its_numbers(
    page: webdriver.Chrome, story: tuple[Story, Path]
) -> None:
    for label in labels(story[0]):
        webdriver.ActionChains(page).move_to_element(circle(page, label)).perform()
        row = story[0].electrode.table.set_index("label").loc[label]
        told = text_of(page, "tip")
        assert f"island {label}" in told
        assert f"{row['contact_diameter_um']:.1f} µm wide, {row['height_um']:.1f} µm tall" in told
        assert f"risk R1 {row['risk_bulk']:.2f}" in told


def test_a_click_shows_profile_and_field(page: webdriver.Chrome, story: tuple[Story, Path]) -> None:
    worst, other = labels(story[0])
    assert text_of(page, "chosen-name") == f"Island {worst}"  # the riskiest is shown at first
    wait(lambda: mark(page, "fields") == f"{worst} {other}")
    before = page.find_element(By.ID, "field-a").screenshot_as_png
    profile = page.find_element(By.CSS_SELECTOR, "#profile path:last-of-type").get_attribute("d")
    circle(page, other).click()
    assert text_of(page, "chosen-name") == f"Island {other}"
    assert circle(page, other).get_attribute("aria-pressed") == "true"
    wait(lambda: mark(page, "fields") == f"{other} {worst}")
    assert page.find_element(By.ID, "field-a").screenshot_as_png != before
    path = page.find_element(By.CSS_SELECTOR, "#profile path:last-of-type")
    assert path.get_attribute("d") != profile


def test_keys_do_what_the_pointer_does(page: webdriver.Chrome, story: tuple[Story, Path]) -> None:
    worst, other = labels(story[0])
    page.execute_script("document.querySelector('#layer-thickness').focus()")
    seen = []
    for _ in range(3):
        page.switch_to.active_element.send_keys(Keys.TAB)
        seen.append(page.switch_to.active_element.get_attribute("data-label"))
    assert {str(worst), str(other)} <= set(seen)
    circle(page, other).send_keys(Keys.ENTER)
    assert text_of(page, "chosen-name") == f"Island {other}"
    circle(page, worst).send_keys(Keys.SPACE)
    assert text_of(page, "chosen-name") == f"Island {worst}"
    slider = page.find_element(By.ID, "deformation")
    slider.send_keys(Keys.HOME)
    wait(lambda: text_of(page, "deformation-value") == "× 0")


def test_the_field_is_drawn_where_the_stress_is(
    page: webdriver.Chrome, story: tuple[Story, Path]
) -> None:
    worst, _ = labels(story[0])
    wait(lambda: mark(page, "fields"))
    page.find_element(By.ID, "deformation").send_keys(Keys.HOME)
    wait(lambda: page.execute_script("return document.getElementById('field-a').field.scale") == 0)
    row = story[0].electrode.table.set_index("label").loc[worst]
    height = row["height_um"]
    canvas = page.find_element(By.ID, "field-a")
    at = page.execute_script(
        "const f = arguments[0].field; return [f.middle, f.zero, f.unit]", canvas
    )
    width, tall = canvas.size["width"], canvas.size["height"]
    # just above the apex, and inside the lithium
    for z, lithium in ((1.03 * height, False), (0.5 * height, True)):
        down = at[1] - z * at[2]
        pixel = page.execute_script(
            "const [c, x, y] = arguments; const k = c.width / c.clientWidth;"
            "return Array.from(c.getContext('2d').getImageData(x * k, y * k, 1, 1).data)",
            canvas, at[0] + 2, down,
        )  # fmt: skip
        assert (tuple(pixel[:3]) == (0xB9, 0xBE, 0xC9)) == lithium, pixel
    move = webdriver.ActionChains(page).move_to_element_with_offset(
        canvas, round(at[0] - width / 2), round(at[1] - 1.02 * height * at[2] - tall / 2)
    )  # fmt: skip
    move.perform()
    told = re.search(r"σ₁ = (−?\d+) MPa", text_of(page, "field-value-a"))
    assert told is not None
    assert float(told[1].replace("−", "-")) == pytest.approx(row["apex_sigma1_mpa"], abs=25)


def test_all_bodies_stand_in_the_3d_view(page: webdriver.Chrome, story: tuple[Story, Path]) -> None:
    page.execute_script("document.getElementById('scene').scrollIntoView()")
    wait(lambda: mark(page, "scene") == "shown")
    bodies = page.execute_script(
        "return document.getElementById('scene').data.map((t) =>"
        " [t.name, Math.min(...t.x), Math.max(...t.x), Math.min(...t.y), Math.max(...t.y)])"
    )
    extent = {name.split()[0]: found for name, *found in bodies}
    assert set(extent) == {"current", "lithium", "cracks"}
    ends = [(c[axis] - c[2] / 2, c[axis] + c[2] / 2) for axis in (1, 0) for c in CAPS]
    lows, highs = np.array(ends).T.reshape(2, 2, len(CAPS))
    true = np.column_stack((lows.min(axis=1), highs.max(axis=1))).ravel()
    assert extent["lithium"] == pytest.approx(true, abs=4.0)
    button = page.find_element(By.CSS_SELECTOR, "[data-camera=below]")
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", button)
    button.click()
    eye = "return document.getElementById('scene').layout.scene.camera.eye.z"
    wait(lambda: page.execute_script(eye) < 0)


def test_it_fits_a_phone_and_a_sheet_of_paper(page: webdriver.Chrome) -> None:
    size = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        widths = "return [document.documentElement.scrollWidth, innerWidth]"
        assert page.execute_script(widths) == [390, 390]
        # what the table is about is seen before it is scrolled, and that it goes on is said
        table = page.find_element(By.CSS_SELECTOR, "#islands .scroll")
        assert "wide" in (table.get_attribute("class") or "")
        risk = table.find_element(By.CSS_SELECTOR, "td.bad")
        assert risk.rect["x"] + risk.rect["width"] < 390
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
        shown = "return getComputedStyle(document.getElementById(arguments[0])).display"
        assert page.execute_script(shown, "scene-live") == "none"
        assert page.execute_script(shown, "map") != "none"
        unfolded = "return document.querySelectorAll('details.record[open]').length"
        for event, count in (("beforeprint", 3), ("afterprint", 0)):
            page.execute_script(f"window.dispatchEvent(new Event('{event}'))")
            assert page.execute_script(unfolded) == count
    finally:
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


# --------------------------------------------------------------------------- parts, no browser

TWO = pd.DataFrame(
    {
        "label": [3, 8], "contact_diameter_um": [40.0, 100.0], "height_um": [16.0, 5.0],
        "aspect_ratio": [0.4, 0.05], "apex_sigma1_mpa": [200.0, -90.0],
        "risk_bulk": [4.0, 1.5], "risk_above": [4.0, -0.1], "risk_beside": [2.0, 1.5],
    }
)  # fmt: skip


def test_the_lithium_volume_opens_as_the_page_says(story: tuple[Story, Path]) -> None:
    """What `docs/report.md` tells napari's users to type, up to the viewer itself."""
    lvf = zarr.open_array(story[1] / "lvf.zarr", mode="r")
    assert lvf.shape == story[0].image.lvf.shape
    assert lvf.attrs["spacing_um"] == pytest.approx([1.625] * 3)


def test_the_commands_do_what_they_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UV_RUN_RECURSION_DEPTH", raising=False)
    fact = {"label": 7, "volume_um3": 19704.3}
    lines = dict(commands(fact, Path("/data/my run (2)"), StackKind.canonical))
    pellet = lines["the same island in another electrolyte"]
    assert "'island.file=\"/data/my run (2)/islands/7.csv\"'" in pellet
    assert "material=pellet" in pellet
    assert "island.volume_um3=19704 " in lines["its volume in other shapes"]
    assert all(line.startswith("islet ") for line in lines.values())
    monkeypatch.setenv("UV_RUN_RECURSION_DEPTH", "1")
    again = dict(commands(fact, Path("/data/my run (2)"), StackKind.canonical))
    assert again["the same island in another electrolyte"] == f"uv run {pellet}"
    assert override("a", "b.csv") == "a=b.csv"


def test_of_many_islands_the_worst_and_the_flattest_have_fields(story: tuple[Story, Path]) -> None:
    count = 3 * FIELDS
    table = pd.DataFrame({"label": np.arange(count), "method": "exact", "aspect_ratio": 0.3})
    table.loc[count - 2, "aspect_ratio"] = 0.02
    table.loc[0, "method"] = "failed"
    assert chosen_fields(table) == [*range(1, FIELDS), count - 2]


def test_numbers_survive_packing() -> None:
    with pytest.raises(ValueError, match="finite"):
        packed([1.0, np.nan])
    with pytest.raises(ValueError, match="another step"):
        packed([1e5], 0.1)
    assert packed([[1.0, 2.0]], 0.5)["shape"] == [1, 2]


@pytest.mark.parametrize(
    ("scalars", "words"),
    [
        ({"islands": 2, "at_risk": 2, "islands_failed": 0}, "there, above 1 of them, only beside"),
        ({"islands": 0, "at_risk": 0}, "No lithium island"),
        ({"islands": 3, "at_risk": 0, "islands_failed": 1}, "none of 3 .* 1 could not be solved"),
    ],
)
def test_the_verdict_comes_in_words(scalars: dict[str, Any], words: str) -> None:
    assert re.search(words, verdict(scalars, TWO))


def test_the_verdict_says_where_and_in_which_shapes() -> None:
    assert reading(TWO) == (
        "1 of the islands (height over diameter 0.40) puts the electrolyte above the apex in "
        "tension; 1 of the islands (height over diameter 0.05) puts the electrolyte above the "
        "apex in compression."
    )
    clauses = {where_at_risk(*counts) for counts in ((0, 0), (2, 2), (2, 0), (1, 1), (1, 0))}
    assert len(clauses) == 5
    assert where_at_risk(5, 2) == ", above 2 of them, only beside the other 3"
