"use strict";
// The report's script: which class is shown, the table of words, single rows, light and dark. Texts of the data become text nodes, never HTML.
(function () {
  const data = JSON.parse(document.getElementById("data").textContent);
  const MINUS = "\u2212", DASH = "\u2013";
  let shown = data.shown;

  function make(tag, name, text) {
    const element = document.createElement(tag);
    if (name) element.className = name;
    if (text !== undefined) element.textContent = text;
    return element;
  }

  function number(value, digits, signed) {
    if (value === null || value === undefined) return DASH;
    const size = Math.abs(value), most = digits || 3;
    const text = value === 0 ? "0" : size < 1e-4 ? value.toExponential(most - 1) : value.toFixed(Math.max(0, most - 1 - Math.floor(Math.log10(size))));
    return (signed && value > 0 ? "+" : "") + text.replace(/-/g, MINUS);
  }

  // ---- Panels: one of a group at a time ----

  function show(group, key) {
    for (const panel of document.querySelectorAll("[data-group]"))
      if (panel.dataset.group === group) panel.hidden = panel.dataset.key !== key;
  }

  for (const select of document.querySelectorAll("select[data-switch]"))
    select.addEventListener("change", function () {
      show(select.dataset.switch, select.value);
      if (select.dataset.switch !== "class") return;
      shown = select.value;
      if (data.words) words.start();
      if (data.rows) rows.redraw();
    });

  // ---- Light and dark ----

  const theme = document.getElementById("theme");
  let dark = matchMedia("(prefers-color-scheme: dark)").matches;
  function name_theme() {
    theme.textContent = dark ? "Light" : "Dark";
    theme.setAttribute("aria-pressed", String(dark));
    theme.setAttribute("aria-label", dark ? "switch to light colours" : "switch to dark colours");
  }
  theme.addEventListener("click", function () {
    dark = !dark;
    document.documentElement.dataset.theme = dark ? "dark" : "light";
    name_theme();
  });
  name_theme();

  // ---- The table of words ----

  const words = (function () {
    if (!data.words) return null;
    const STEP = 50, table = document.getElementById("words-table"), body = table.tBodies[0];
    const search = document.getElementById("search"), found = document.getElementById("found"), more = document.getElementById("more-words");
    let order = [], sorted_by = null, ascending = false, most = STEP;

    const column = name => data.words.tables[shown].columns[data.words.names.indexOf(name)];
    const text_of = at => data.words.words[column("word")[at]];

    function compare(a, b) {
      if (sorted_by === "word") return text_of(a).localeCompare(text_of(b)) || a - b;
      const values = column(sorted_by), x = values[a], y = values[b];
      if (x === null || y === null) return (x === null) - (y === null) || a - b;
      return (ascending ? x - y : y - x) || a - b;
    }

    function example(at, name) {
      const cell = make("td", "n"), id = String(column(name)[at]), value = id;
      if (data.rows && rows.has(id)) {
        const button = make("button", "", value);
        button.type = "button";
        button.setAttribute("aria-label", "open row " + id);
        button.addEventListener("click", () => rows.open(id));
        cell.append(button);
      } else cell.textContent = value;
      return cell;
    }

    function line(at) {
      const tr = make("tr"), head = make("th");
      head.scope = "row";
      const text = text_of(at);
      head.append(make("bdi", "word", text.length > 80 ? text.slice(0, 79) + "\u2026" : text.trim() ? text : JSON.stringify(text)));
      tr.append(head);
      const get = name => column(name)[at];
      tr.append(make("td", "n", get("count").toLocaleString("en")), make("td", "n", get("rows").toLocaleString("en")));
      tr.append(make("td", "n", number(get("mean"), 3, true)), make("td", "n", number(get("mean_abs"))), make("td", "n", number(get("std"))));
      tr.append(make("td", "n", get("ci_low") === null ? DASH : number(get("ci_low"), 3, true) + " \u2026 " + number(get("ci_high"), 3, true)));
      tr.append(make("td", "n", number(get("q_value"), 2)), example(at, "min_row"), example(at, "max_row"));
      return tr;
    }

    function draw() {
      const wanted = search.value.toLowerCase();
      const kept = order.filter(at => text_of(at).toLowerCase().includes(wanted));
      body.replaceChildren(...kept.slice(0, most).map(line));
      const all = data.words.tables[shown].n;
      found.textContent = kept.length + (wanted ? " of " + order.length : "") + " words" + (all > order.length ? " (the most important of " + all + ")" : "");
      more.hidden = kept.length <= most;
    }

    function start() {
      order = column("word").map((_, at) => at);
      if (sorted_by) order.sort(compare);
      if (sorted_by === "word" && !ascending) order.reverse();
      draw();
    }

    for (const button of table.querySelectorAll("th button"))
      button.addEventListener("click", function () {
        const name = button.dataset.column;
        ascending = sorted_by === name ? !ascending : name === "word" || name === "q_value" || name === "ci_low";
        sorted_by = name;
        for (const head of table.tHead.rows[0].cells)
          head.setAttribute("aria-sort", head !== button.parentElement ? "none" : ascending ? "ascending" : "descending");
        most = STEP;
        start();
      });
    search.addEventListener("input", function () { most = STEP; draw(); });
    more.addEventListener("click", function () { most += 4 * STEP; draw(); });
    return { start };
  })();

  // ---- Single rows ----

  const rows = (function () {
    if (!data.rows) return null;
    const N_STEPS = 10, list = document.getElementById("rows-list"), all = data.rows.rows, cards = [];

    // The column of the class that is shown, else the row's first class.
    function column_of(row) {
      return Math.max(0, row.classes.indexOf(shown));
    }

    function title(row) {
      const summary = make("summary"), name = make("b", "", "row id " + row.id);
      summary.append(name, ", number " + row.number + (row.file === null ? "" : " of file " + (row.file + 1)) + ", ");
      if (row.key !== row.id) summary.append("key ", make("bdi", "word", row.key), ", ");
      if (row.label !== null) summary.append("label ", make("bdi", "word", row.label), ", ");
      if (row.prediction !== null) summary.append("predicted ", make("bdi", "word", row.prediction), " (" + number(row.score) + ") ");
      if (row.right === 0) summary.append(make("span", "badge wrong", "wrong"), " ");
      for (const status of row.status) summary.append(make("span", "badge", status), " ");
      summary.append(make("span", "start", row.texts.slice(0, 60).map((text, i) => row.features[i] === -2 ? " || " : text).join("").slice(0, 160)));
      return summary;
    }

    function heat(row, at) {
      const phi = row.phi[at] || [], text = make("div", "text");
      text.dir = "auto";
      let strongest = 0;
      for (const value of phi) strongest = Math.max(strongest, Math.abs(value || 0));
      row.texts.forEach(function (piece, i) {
        const feature = row.features[i];
        if (feature === -2) return text.append(make("span", "part", "second text"));
        const value = feature < 0 ? null : phi[feature];
        if (feature < 0) return text.append(piece);
        const span = make("span", "f" + (value > 0 ? " pos" : value < 0 ? " neg" : ""), piece);
        const share = strongest && value !== null ? Math.abs(value) / strongest : 0;
        span.style.setProperty("--a", (0.75 * share).toFixed(3));
        span.title = number(value, 3, true);
        text.append(span);
        if (share >= 0.25) text.append(make("sub", "", number(value, 2, true)));
      });
      return text;
    }

    function step(scale, name, from, to, text, kind) {
      const tr = make("tr", kind), head = make("th"), track = make("td", "track"), fill = make("i", "fill " + (to < from ? "neg" : "pos"));
      head.scope = "row";
      head.append(make("bdi", "word", name));
      fill.style.left = scale(Math.min(from, to)) + "%";
      fill.style.width = scale(Math.max(from, to)) - scale(Math.min(from, to)) + "%";
      track.append(fill);
      tr.append(head, track, make("td", "n", text));
      return tr;
    }

    // From the base value to the output, the strongest features one by one; where attributions do not add up, bars from 0.
    function fall(row, at) {
      const phi = row.phi[at] || [], adds = data.rows.adds_up && row.base[at] !== null && row.output[at] !== null;
      const order = phi.map((_, i) => i).filter(i => phi[i] !== null).sort((a, b) => Math.abs(phi[b]) - Math.abs(phi[a]) || a - b).slice(0, N_STEPS);
      const others = row.n_features - order.length;
      const steps = order.map(i => [row.words[i], phi[i], number(phi[i], 3, true) + (row.error[at][i] ? " \u00b1" + number(row.error[at][i], 2) : ""), ""]);
      const left = row.total[at] - order.reduce((sum, i) => sum + phi[i], 0);
      if (others > 0) steps.push([others + " other" + (others > 1 ? "s" : ""), left, number(left, 3, true), "rest"]);
      let value = adds ? row.base[at] : 0, low = Math.min(0, value), high = Math.max(0, value);
      let sum = value;
      for (const [, size] of steps) {
        sum = adds ? sum + size : size;
        low = Math.min(low, sum);
        high = Math.max(high, sum);
      }
      const width = high - low || 1, scale = x => 100 * (x - low) / width;
      const table = make("table", "chart fall"), body = make("tbody");
      const name = data.classes[row.classes[at]];
      const caption = make("caption", "", adds ? "From base value to output, towards " : "Strongest attributions towards ");
      caption.append(make("bdi", "word", name));
      table.append(caption);
      if (adds) body.append(step(scale, "base value", 0, value, number(value, 3, true), "end"));
      for (const [word, size, text, kind] of steps) {
        const from = adds ? value : 0;
        body.append(step(scale, word, from, from + size, text, kind));
        value = from + size;
      }
      if (adds) body.append(step(scale, "output", 0, row.output[at], number(row.output[at], 3, true), "end"));
      table.append(body);
      return table;
    }

    function every(row, at) {
      const details = make("details"), table = make("table");
      details.append(make("summary", "", row.words.length < row.n_features ? row.words.length + " of " + row.n_features + " features as a table" : "All features as a table"));
      details.addEventListener("toggle", function () {
        if (table.rows.length) return;
        const head = table.createTHead().insertRow(), body = table.createTBody();
        for (const name of ["feature", "phi", "standard error"]) {
          const cell = make("th", name === "feature" ? "" : "n", name);
          cell.scope = "col";
          head.append(cell);
        }
        row.words.forEach(function (word, i) {
          const tr = body.insertRow(), cell = make("th");
          cell.scope = "row";
          cell.append(make("bdi", "word", word));
          tr.append(cell, make("td", "n", number(row.phi[at][i], 3, true)), make("td", "n", number(row.error[at][i], 2)));
        });
      });
      const wide = make("div", "wide");
      wide.append(table);
      details.append(wide);
      return details;
    }

    function fill(card) {
      const row = card.row, at = column_of(row), parts = [];
      if (!row.classes.length || !row.phi[at].some(value => value !== null)) parts.push(make("p", "note", "No attributions towards the classes that are shown."));
      else if (row.classes[at] !== shown) parts.push(make("p", "note", "This row explains " + data.classes[row.classes[at]] + " only."));
      parts.push(heat(row, at));
      if (row.n_shown < row.n_features) parts.push(make("p", "note", "The first " + row.n_shown + " of " + row.n_features + " features; the strongest of the others stand below."));
      if (row.classes.length && row.words.length) parts.push(fall(row, at), every(row, at));
      card.inside.replaceChildren(...parts);
      card.drawn = shown;
    }

    function draw_if_open(card) {
      if (card.details.open && card.drawn !== shown) fill(card);
    }

    for (const row of all) {
      const card = { row, details: make("details", "row"), inside: make("div", "inside"), drawn: null };
      card.details.append(title(row), card.inside);
      card.details.addEventListener("toggle", () => draw_if_open(card));
      cards.push(card);
      list.append(card.details);
    }

    const buttons = document.querySelectorAll("button[data-reason]");
    for (const button of buttons)
      button.addEventListener("click", function () {
        for (const other of buttons) other.setAttribute("aria-pressed", String(other === button));
        for (const card of cards) card.details.hidden = button.dataset.reason !== "" && card.row.reason !== button.dataset.reason;
      });

    function open(id) {
      const card = cards.find(one => one.row.id === id);
      card.details.hidden = false;
      card.details.open = true;
      draw_if_open(card);
      card.details.querySelector("summary").focus();
      card.details.scrollIntoView({ block: "center" });
    }

    // Paper cannot be clicked: the first rows of those that are listed are printed open.
    const N_PRINTED = 20;
    let opened = [];
    addEventListener("beforeprint", function () {
      opened = cards.filter(card => !card.details.hidden).slice(0, N_PRINTED).filter(card => !card.details.open);
      for (const card of opened) {
        card.details.open = true;
        draw_if_open(card);
      }
    });
    addEventListener("afterprint", function () {
      for (const card of opened) card.details.open = false;
    });

    if (cards.length) {
      cards[0].details.open = true;
      draw_if_open(cards[0]);
    }
    return { open, has: id => all.some(row => row.id === id), redraw: () => cards.forEach(draw_if_open) };
  })();

  // ---- Inside the model: cells drawn from letters, each the square root of a share in 63rds ----

  (function () {
    if (!data.inside) return;
    const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const SVG = document.querySelector("#matrix-bins svg").namespaceURI;
    const share = letter => (LETTERS.indexOf(letter) / 63) ** 2;

    function shape(tag, facts, text) {
      const element = document.createElementNS(SVG, tag);
      for (const name in facts) element.setAttribute(name, facts[name]);
      if (text !== undefined) element.textContent = text;
      return element;
    }

    function canvas(width, height, label) {
      const svg = shape("svg", { viewBox: "0 0 " + width + " " + height, width, height, role: "img", "aria-label": label });
      svg.append(shape("rect", { class: "paper", width, height }));
      return svg;
    }

    // Cells as [left, top, width, height, opacity, text].
    function fill(svg, cells) {
      for (const [x, y, width, height, opacity, text] of cells) {
        const cell = shape("rect", { x, y, width, height, "fill-opacity": opacity.toFixed(2) });
        if (text) cell.append(shape("title", {}, text));
        svg.append(cell);
      }
    }

    function draw_bins(matrix) {
      const n = matrix.bins.length, WIDTH = 360, HEIGHT = 160, edge = at => Math.max(-0.5, Math.min(0.5, (at - 65) / 128));
      const svg = canvas(WIDTH, HEIGHT + 18, "histogram of " + matrix.name);
      fill(svg, [...matrix.bins].map((letter, i) => [i * WIDTH / n, HEIGHT * (1 - share(letter)), WIDTH / n * .9, HEIGHT * share(letter), 1, ""]));
      svg.append(shape("text", { x: 2, y: HEIGHT + 14 }, number(edge(matrix.first))));
      svg.append(shape("text", { x: WIDTH - 2, y: HEIGHT + 14, "text-anchor": "end" }, number(edge(matrix.first + n))));
      document.getElementById("matrix-bins").replaceChildren(svg);
    }

    function draw_heat(matrix) {
      const place = document.getElementById("matrix-heat"), text = document.getElementById("matrix-note");
      text.textContent = matrix.heat ? "Root mean square of the parts of " + matrix.shape[0] + " rows and " + matrix.shape[1] + " columns; the strongest colour is " + number(matrix.largest) + "." : "No heat map in a file of this version.";
      if (!matrix.heat) return place.replaceChildren();
      const n_up = matrix.heat.length / matrix.across, SIDE = 10;
      const svg = canvas(matrix.across * SIDE, n_up * SIDE, "heat map of " + matrix.name);
      fill(svg, [...matrix.heat].map((letter, i) => [i % matrix.across * SIDE, Math.floor(i / matrix.across) * SIDE, SIDE, SIDE, share(letter), number(share(letter) * matrix.largest, 2)]));
      place.replaceChildren(svg);
    }

    const matrix_switch = document.querySelector("select[data-switch=matrix]");
    function draw_matrix() {
      const matrix = data.inside.matrices[Number(matrix_switch.value)];
      draw_bins(matrix);
      draw_heat(matrix);
    }
    matrix_switch.addEventListener("change", draw_matrix);
    draw_matrix();
    if (!data.inside.rows.length) return;

    function choose(label, names, change) {
      const element = make("label", "switch", label + " "), select = make("select");
      element.append(select);
      document.getElementById("attention-tools").append(element);
      const set = list => select.replaceChildren(...list.map(([key, name]) => { const one = make("option", "", name); one.value = key; return one; }));
      set(names);
      select.addEventListener("change", change);
      return { select, set };
    }

    const short = text => text.length > 14 ? text.slice(0, 13) + "\u2026" : text;
    const numbered = n => Array.from({ length: n }, (_, i) => [i, String(i)]);
    const heads = row => [[0, "mean of all"]].concat(row.n_maps > 1 ? numbered(data.inside.n_heads).map(([i, name]) => [i + 1, name]) : []);

    function draw_attention() {
      const row = data.inside.rows[row_choice.select.value], n = row.tokens.length, SIDE = 15, LEFT = 110, TOP = 110;
      const at = (Number(block_choice.select.value) * row.n_maps + Number(head_choice.select.value)) * n * n;
      const svg = canvas(LEFT + n * SIDE, TOP + n * SIDE, "attention from token to token");
      const head = head_choice.select.selectedOptions[0].textContent;
      svg.append(shape("text", { x: 5, y: 14 }, "row " + row.id + ", block " + block_choice.select.value + ", "), shape("text", { x: 5, y: 28 }, "head: " + head));
      row.tokens.forEach(function (token, i) {
        svg.append(shape("text", { x: LEFT - 5, y: TOP + (i + .75) * SIDE, "text-anchor": "end" }, short(token)));
        svg.append(shape("text", { transform: "translate(" + (LEFT + (i + .75) * SIDE) + " " + (TOP - 5) + ") rotate(-90)" }, short(token)));
      });
      fill(svg, [...row.attention.slice(at, at + n * n)].map(function (letter, i) {
        const query = Math.floor(i / n), key = i % n, text = row.tokens[query] + " \u2192 " + row.tokens[key] + ": " + number(share(letter), 2);
        return [LEFT + key * SIDE, TOP + query * SIDE, SIDE - 1, SIDE - 1, Math.sqrt(share(letter)), text];
      }));
      document.getElementById("attention-map").replaceChildren(svg);
    }

    function change_row() {
      const row = data.inside.rows[row_choice.select.value];
      head_choice.set(heads(row));
      show("attention-row", row_choice.select.value);
      draw_attention();
    }

    const row_choice = choose("Row id", data.inside.rows.map((row, i) => [i, row.id]), change_row);
    const block_choice = choose("Block", numbered(data.inside.n_blocks), draw_attention);
    const head_choice = choose("Head", heads(data.inside.rows[0]), draw_attention);
    draw_attention();
  })();

  if (words) words.start();
})();
