"use strict";
(() => {
  const form = document.getElementById("filter");
  const count = document.getElementById("count");
  const samples = Array.from(document.querySelectorAll(".sample"), (element) => ({
    element,
    text: element.textContent.toLowerCase(),
    values: new Map(Array.from(element.querySelectorAll("data"), (each) => [each.dataset.name, each.value])),
  }));
  const fits = (sample) => {
    const words = form.elements.search.value.toLowerCase().split(/\s+/);
    if (!words.every((word) => sample.text.includes(word))) return false;
    return Array.from(form.querySelectorAll("[data-name]")).every((control) => {
      if (control.value === "") return true;
      const value = sample.values.get(control.dataset.name);
      if (control.dataset.end === undefined) return value === control.value;
      if (value === undefined || value === "") return false;
      const wanted = Number(control.value);
      return control.dataset.end === "low" ? Number(value) >= wanted : Number(value) <= wanted;
    });
  };
  const show = () => {
    let shown = 0;
    for (const sample of samples) {
      const fit = fits(sample);
      sample.element.hidden = !fit;
      shown += fit;
    }
    count.value = `${shown} of ${samples.length} shown`;
  };
  form.addEventListener("input", show);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  show();
})();
