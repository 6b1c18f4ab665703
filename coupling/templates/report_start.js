startMap();
startFields();
startScene();
if (DATA.islands.length) choose(DATA.islands[0].label);
document.documentElement.dataset.ready = "yes";
