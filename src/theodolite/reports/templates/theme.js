function remembered(key, value) {
  // A page opened from a file may have no storage.
  try {
    if (value === undefined) return localStorage.getItem(key);
    localStorage.setItem(key, value);
  } catch {
    return null;
  }
  return value;
}

function startTheme() {
  const names = ["auto", "light", "dark"];
  const button = byId("theme");
  const show = (name) => {
    if (name === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = name;
    button.textContent = `Theme: ${name}`;
    button.dataset.name = name;
  };
  button.hidden = false;
  button.addEventListener("click", () => {
    const next = names[(names.indexOf(button.dataset.name) + 1) % names.length];
    show(next);
    remembered("theodolite-theme", next);
  });
  const before = remembered("theodolite-theme");
  show(names.includes(before) ? before : "auto");
}
