// Elements are made, never written as HTML: names of tensors are not trusted.
const byId = (id) => document.getElementById(id);

function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") element.className = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

function sign(verdict) {
  const space = "http://www.w3.org/2000/svg";
  const picture = document.createElementNS(space, "svg");
  picture.setAttribute("class", `sign v${verdict}`);
  picture.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(space, "use");
  use.setAttribute("href", `#sign-${verdict}`);
  picture.append(use);
  return picture;
}

function numberText(value, digits = 3) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e7)) return value.toExponential(digits - 1).replace("-", "−");
  const whole = size === 0 ? 0 : Math.floor(Math.log10(size));
  const decimals = size >= 10 ** (digits - 1) ? 0 : Math.max(0, digits - 1 - whole);
  return size.toFixed(decimals).replace(/^/, value < 0 ? "−" : "");
}

const pValueText = (value) => (value === null || value === undefined ? "" : numberText(value, 2));

const shareText = (value) => (value === null || value === undefined ? "–" : `${(100 * value).toFixed(value < 0.1 ? 1 : 0)} %`);
const countText = (value) => value.toLocaleString("en").replaceAll(",", "\u202f");
const shapeText = (shape) => shape.map(countText).join(" × ");
