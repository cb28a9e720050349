// What people see of the core: asks it whenever a field changes, and shows what it says. Nothing else happens here.
(async () => {
  "use strict";
  const field = (id) => document.getElementById(id);
  const [configuration, request, headers, program] = ["configuration", "request", "headers", "program"].map(field);
  const [claims, provider, token] = ["claims", "provider", "token"].map(field);
  const [sample, numbers, marks, findings, verdict] = ["sample", "numbers", "marks", "findings", "verdict"].map(field);
  const samples = JSON.parse(field("samples").textContent);

  try {
    await start();
  } catch (error) {
    field("notice").textContent = `The core does not start in this browser, which has to be of 2023 or newer (${error}).`;
    field("notice").hidden = false;
    return;
  }
  sample.append(...samples.map(({ title }, index) => new Option(title, index)));
  sample.addEventListener("change", () => begin(samples[sample.value]));
  configuration.addEventListener("scroll", scrollMarks);
  let waiting;
  document.addEventListener("input", (event) => {
    if (event.target === sample) return;
    clearTimeout(waiting);
    waiting = setTimeout(ask, 120);
  });
  begin(samples[0]);

  async function start() {
    const packed = Uint8Array.from(atob(field("module").textContent), (byte) => byte.charCodeAt(0));
    const unpacked = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    await wasm_bindgen({ module_or_path: await new Response(unpacked).arrayBuffer() });
  }

  function begin(sample) {
    configuration.value = sample.configuration;
    request.value = sample.request;
    headers.value = "";
    program.checked = sample.program ?? false;
    claims.value = sample.claims ?? "sub: ada";
    token.value = "";
    document.querySelector(`input[name=who][value=${sample.who}]`).checked = true;
    provider.replaceChildren(new Option(sample.provider ?? "", sample.provider ?? ""));
    configuration.scrollTo(0, 0);
    ask();
  }

  function ask() {
    const kind = document.querySelector("input[name=who]:checked").value;
    field("claims-fields").hidden = kind !== "claims";
    field("token-fields").hidden = kind !== "token";
    const who = { nobody: "nobody", claims: { claims: { claims: claims.value, provider: provider.value } }, token: { token: token.value } }[kind];
    const question = { configuration: configuration.value, request: request.value, headers: headers.value, by_program: program.checked, who };
    const now = Math.floor(Date.now() / 1000);
    let answer;
    try {
      answer = JSON.parse(wasm_bindgen.answer(JSON.stringify(question), now));
    } catch (error) {
      field("notice").textContent = `The core has stopped (${error}): this is a defect. Reload the page to go on.`;
      field("notice").hidden = false;
      return;
    }
    showMarks(answer);
    showFindings(answer);
    showProviders(answer.providers);
    showObjection(answer.objection);
    showVerdict(answer.explanation);
  }

  /** An element with a class, and what is in it: texts and elements. */
  function element(name, className, ...content) {
    const made = document.createElement(name);
    if (className) made.className = className;
    made.append(...content);
    return made;
  }

  /** What is wrong is marked and said in its line; the rule that decides is marked. */
  function showMarks({ findings, explanation }) {
    const rule = explanation?.rule_characters;
    const text = configuration.value;
    const shown = [];
    const counted = [];
    let offset = 0;
    for (const [index, line] of text.split("\n").entries()) {
      const begins = ({ start }) => start >= offset && start <= offset + line.length;
      const here = findings.filter(({ characters }) => begins(characters));
      if (rule && begins(rule)) {
        shown.push(element("mark", "rule", line));
      } else {
        shown.push(...marked(line, offset, here), ...here.slice(0, 1).map(({ message, hint }) => element("span", "said", said(message, hint))));
      }
      shown.push("\n");
      counted.push(element("span", here.length > 0 ? "wrong" : "", `${index + 1}`), "\n");
      offset += line.length + 1;
    }
    marks.replaceChildren(...shown);
    numbers.replaceChildren(...counted);
    configuration.setAttribute("aria-invalid", String(findings.length > 0));
    scrollMarks();
  }

  /** A line, and in it what is meant. */
  function marked(line, offset, findings) {
    const pieces = [];
    let at = 0;
    for (const { characters } of findings) {
      const [start, end] = [Math.max(characters.start - offset, at), characters.end - offset];
      pieces.push(line.slice(at, start), element("mark", "", line.slice(start, end)));
      at = Math.max(end, start);
    }
    return [...pieces, line.slice(at)];
  }

  function said(message, hint) {
    return hint ? `${message}: did you mean ${hint}?` : message;
  }

  function scrollMarks() {
    marks.scrollTop = numbers.scrollTop = configuration.scrollTop;
    marks.scrollLeft = configuration.scrollLeft;
  }

  function showFindings({ findings: found, variables }) {
    const items = found.map(({ path, message, hint, line, column, characters }) => {
      const what = path ? `${path}: ${said(message, hint)}` : said(message, hint);
      return element("li", "", place(`line ${line}, column ${column}`, characters), ` ${what}`);
    });
    const list = items.length > 0 ? [element("ol", "", ...items)] : [];
    if (variables.length > 0) list.push(element("p", "", `Supposed to be set where the filter runs: ${variables.join(", ")}`));
    findings.replaceChildren(...list);
  }

  /** A button that leads to a part of the configuration. */
  function place(text, { start, end }) {
    const button = element("button", "place", text);
    button.type = "button";
    button.addEventListener("click", () => {
      configuration.focus();
      configuration.setSelectionRange(start, end);
      const line = configuration.value.slice(0, start).split("\n").length;
      configuration.scrollTop = Math.max(0, (line - 5) * parseFloat(getComputedStyle(configuration).lineHeight));
    });
    return button;
  }

  function showProviders(names) {
    if (names.length === 0) return; // The configuration is being changed: what was chosen stays.
    const chosen = names.includes(provider.value) ? provider.value : "";
    provider.replaceChildren(new Option("whom iss names, or the first that fits", ""), ...names.map((name) => new Option(name, name)));
    provider.value = chosen;
  }

  function showObjection(objection) {
    for (const id of ["request", "headers", "claims"]) {
      const objects = objection?.field === id;
      field(`${id}-objection`).textContent = objects ? objection.message : "";
      field(id).setAttribute("aria-invalid", String(objects));
    }
    if (objection?.field === "headers") field("more").open = true;
  }

  function showVerdict(explanation) {
    if (!explanation) {
      verdict.className = "";
      verdict.replaceChildren(element("p", "summary", "…once what is marked is put right."));
      return;
    }
    const { rule, instead_of_rule, rule_path, rule_characters, requirement, summary, status } = explanation;
    const { reason, location, challenge, added, removed, left_out, log, supposed } = explanation;
    const list = element("dl", "");
    const say = (name, ...content) => list.append(element("dt", "", name), element("dd", "", ...content));
    say("rule", ...(rule_path ? [`${rule} (`, place(rule_path, rule_characters), ")"] : [instead_of_rule]));
    if (requirement) say("require", element("code", "", requirement.expression), ` is ${requirement.outcome}`);
    if (reason) {
      const link = element("a", "", element("code", "", reason));
      link.href = `../reason-codes.html#${reason}`;
      say("reason", link);
    }
    if (location) say("to", location);
    if (challenge) say("challenge", element("code", "", challenge));
    if (added) say("headers", added.length > 0 ? fields(added) : "none of ours");
    if (removed?.length > 0) say("removed", `${removed.join(", ")}, which the client sent`);
    for (const name of left_out ?? []) say("left out", `${name}: its expression has no value that can be sent`);
    for (const line of log) say("log", line);
    say("supposed", ...supposed.flatMap((text) => [text, element("br", "")]));
    verdict.className = explanation.verdict === "forwarded" ? "forwarded" : status >= 400 ? "refused" : "redirected";
    verdict.replaceChildren(element("p", "summary", summary), list);
  }

  function fields(pairs) {
    return element("ul", "fields", ...pairs.map(([name, value]) => element("li", "", element("b", "", name), `: ${value}`)));
  }
})();
