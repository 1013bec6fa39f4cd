// What auditors' own tools say of the site, over TLS in real Chromium: weight, layout, storage, Nu HTML checker, CSP
// evaluator, MDN HTTP Observatory, Lighthouse (gated on accessibility, best practices and search; its clock is not).

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { launch } from 'chrome-launcher';
import { CspEvaluator } from 'csp_evaluator/dist/evaluator.js';
import { Severity } from 'csp_evaluator/dist/finding.js';
import { CspParser } from 'csp_evaluator/dist/parser.js';
import lighthouse from 'lighthouse';
import { KINDS, WRITTEN } from './page_kinds.mjs';
import { CHROMIUM, Gateway, browser } from './support.mjs';

const require = createRequire(import.meta.url);
/** The most a first load may weigh, in bytes on the wire, the most requests, and how far what is shown may shift. */
const [WEIGHT, REQUESTS, SHIFT] = [25_000, 6, 0.01];
// Every field of every operation on one page, which its reader searches.
const REFERENCE = ['/api/reference', 30_000];
/** Lighthouse takes some ten seconds a page: all kinds with AOPS_TEST_SLOW. */
const LIT = process.env.AOPS_TEST_SLOW ? KINDS : ['/', '/offres/ifc/', '/articles/chain-ladder-et-mack/', '/calculateurs/ifc/', '/contact/', '/en/'];

let gateway;
let chromium;
let addresses;

before(async () => {
  [gateway, chromium] = await Promise.all([Gateway.start(), browser()]);
  const map = await page((context) => context.request.get(`${gateway.origin}/sitemap.xml`).then((answer) => answer.text()));
  addresses = [...map.matchAll(/<loc>https:\/\/[^/]+([^<]*)<\/loc>/g)].map(([, path]) => path);
  assert.ok(addresses.length > 40, `${addresses.length} addresses in the site map`);
});

after(async () => {
  await chromium?.close();
  gateway?.stop();
});

/** What `use` makes of a fresh context, which is closed behind it. */
async function page(use, options = {}) {
  const context = await chromium.newContext({ ignoreHTTPSErrors: true, locale: 'fr-FR', viewport: { width: 360, height: 740 }, ...options });
  try {
    return await use(context);
  } finally {
    await context.close();
  }
}

test('every kind of page is in the site map, and every page written at run time bears its status', async () => {
  assert.deepEqual(KINDS.filter((path) => !addresses.includes(path) && !['/recherche/', '/en/search/'].includes(path)), []);
  await page(async (context) => {
    for (const [path, status] of WRITTEN) {
      const answer = await context.request.get(gateway.origin + path, { maxRedirects: 0 });
      assert.equal(answer.status(), status, path);
    }
  });
});

// Proves p-social-icons, p-nothing-before.
test('each page is light, still, and keeps nothing, on first sight', async () => {
  const faults = [];
  for (const path of [...new Set([...addresses, ...WRITTEN.map(([written]) => written)])]) {
    await page(async (context) => {
      const view = await context.newPage();
      const session = await context.newCDPSession(view);
      await session.send('Network.enable');
      let [bytes, requests] = [0, 0];
      session.on('Network.loadingFinished', ({ encodedDataLength }) => { bytes += encodedDataLength; });
      view.on('request', (request) => {
        requests += 1;
        if (!request.url().startsWith(gateway.origin) && !request.url().startsWith('data:')) faults.push(`${path}: ${request.url()}`);
      });
      view.on('pageerror', (error) => faults.push(`${path}: ${error}`));
      view.on('console', (message) => {
        // A page that is itself an error is told as one; nothing else may be.
        const own = message.location().url === view.url() && /status of 4\d\d/.test(message.text());
        if (message.type() === 'error' && !own) faults.push(`${path}: ${message.text()}`);
      });
      await view.goto(gateway.origin + path, { waitUntil: 'networkidle' });
      const seen = await view.evaluate(async () => ({
        shift: await new Promise((resolve) => {
          let sum = 0;
          new PerformanceObserver((list) => { for (const { value } of list.getEntries()) sum += value; }).observe({ type: 'layout-shift', buffered: true });
          setTimeout(() => resolve(sum), 50);
        }),
        kept: [localStorage.length, sessionStorage.length, (await indexedDB.databases()).length, (await caches.keys()).length],
        wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
      }));
      if (bytes < 500 || bytes > (path === REFERENCE[0] ? REFERENCE[1] : WEIGHT)) faults.push(`${path}: ${bytes} bytes`);
      if (requests > REQUESTS) faults.push(`${path}: ${requests} requests`);
      if (seen.shift > SHIFT) faults.push(`${path}: shifts by ${seen.shift}`);
      if (seen.kept.some(Boolean)) faults.push(`${path}: keeps ${seen.kept}`);
      if (seen.wide > 0) faults.push(`${path}: ${seen.wide} pixels too wide`);
      if ((await context.cookies()).length) faults.push(`${path}: sets a cookie`);
    });
  }
  assert.deepEqual(faults, []);
});

test('the Nu HTML checker finds no error on any page', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'aops-nu-'));
  try {
    const files = await page(async (context) => {
      const written = [];
      for (const path of [...addresses, ...WRITTEN.map(([address]) => address)]) {
        const answer = await context.request.get(gateway.origin + path);
        const file = join(folder, `${path.replace(/\W+/g, '_')}.html`);
        writeFileSync(file, await answer.text());
        written.push(file);
      }
      return written;
    });
    const jar = join(dirname(require.resolve('vnu-jar/package.json')), 'build/dist/vnu.jar');
    let told = '';
    try {
      execFileSync('java', ['-jar', jar, '--errors-only', '--format', 'gnu', ...files], { encoding: 'utf8', stdio: 'pipe' });
    } catch (error) {
      told = error.stderr || String(error);
    }
    assert.equal(told.replaceAll(`file:${folder}/`, ''), '');
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('the CSP evaluator finds nothing of medium severity or higher, on pages and in frames', async () => {
  await page(async (context) => {
    const accepted = await context.request.post(`${gateway.origin}/consentement`, { data: { version: '2026-11-24', audience: true, social: true } });
    assert.equal(accepted.status(), 204);
    for (const path of [...KINDS, ...WRITTEN.map(([written]) => written), '/consentement/services', '/integration?adresse=https://youtu.be/dQw4w9WgXcQ']) {
      const answer = await context.request.get(gateway.origin + path);
      const policy = answer.headers()['content-security-policy'];
      assert.ok(policy, path);
      const found = new CspEvaluator(new CspParser(policy).csp).evaluate();
      const grave = found.filter(({ severity }) => severity <= Severity.MEDIUM).map(({ description }) => description);
      assert.deepEqual(grave, [], `${path}: ${policy}`);
    }
  });
});

// Proves p-transport-encryption.
test('MDN HTTP Observatory gives A+ and at least 125', async () => {
  // Its list of preloaded hosts is fetched at installation; ours are not on it.
  const module = dirname(require.resolve('@mdn/mdn-http-observatory/package.json'));
  writeFileSync(join(module, 'conf/hsts-preload.json'), '{}');
  const script = `
    import { retrieve } from '${module}/src/retriever/retriever.js';
    import { ALL_TESTS } from '${module}/src/constants.js';
    import { MINIMUM_SCORE_FOR_EXTRA_CREDIT } from '${module}/src/grader/charts.js';
    import { getGradeForScore, getScoreModifier } from '${module}/src/grader/grader.js';
    const found = await retrieve('localhost', { httpsPort: ${new URL(gateway.origin).port}, httpPort: ${gateway.http} });
    const results = ALL_TESTS.map((test) => test(found));
    const modifiers = results.map(({ result }) => getScoreModifier(result));
    // As the scanner does: what is given counts only where little enough is taken.
    const plain = modifiers.filter((modifier) => modifier < 0).reduce((sum, modifier) => sum + modifier, 100);
    const score = plain >= MINIMUM_SCORE_FOR_EXTRA_CREDIT ? modifiers.reduce((sum, modifier) => sum + modifier, 100) : plain;
    console.log(JSON.stringify({ ...getGradeForScore(score), results: results.map(({ result }) => result) }));`;
  const told = execFileSync(process.execPath, ['--input-type=module', '--eval', script], {
    encoding: 'utf8', env: { ...process.env, NODE_EXTRA_CA_CERTS: join(gateway.root, 'data/tls/ca.pem') }, stdio: ['ignore', 'pipe', 'pipe'],
  });
  const { grade, score, results } = JSON.parse(told.trim().split('\n').at(-1));
  assert.equal(grade, 'A+', results.join(', '));
  assert.ok(score >= 125, `${score}: ${results.join(', ')}`);
});

test('Lighthouse gives 100 for accessibility, best practices and search', async () => {
  const chrome = await launch({ chromePath: CHROMIUM, chromeFlags: ['--headless=new', '--no-sandbox', '--disable-gpu', '--ignore-certificate-errors'] });
  try {
    for (const path of LIT) {
      const { lhr } = await lighthouse(gateway.origin + path, { port: chrome.port, output: 'json', logLevel: 'error', onlyCategories: ['accessibility', 'best-practices', 'seo'] });
      for (const { id, score, auditRefs } of Object.values(lhr.categories)) {
        const below = auditRefs.map((reference) => lhr.audits[reference.id]).filter((audit) => audit.score !== null && audit.score < 1).map((audit) => audit.id);
        assert.equal(score, 1, `${path} ${id}: ${below.join(', ')}`);
      }
    }
  } finally {
    await chrome.kill();
  }
});

test('WCAG 1.4.4 and 1.4.12: with text at 200 % and with wide spacing no page scrolls sideways or clips its text', async () => {
  const wide = '* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important } p { margin-bottom: 2em !important }';
  const faults = [];
  for (const path of KINDS) {
    for (const [how, options, style] of [['200 %', { viewport: { width: 640, height: 800 } }, 'html { font-size: 200% !important }'], ['spacing', { viewport: { width: 320, height: 800 } }, wide]]) {
      await page(async (context) => {
        const view = await context.newPage();
        await view.goto(gateway.origin + path);
        await view.addStyleTag({ content: style });
        const found = await view.evaluate(() => {
          const clipped = [...document.querySelectorAll('main p, main h1, main h2, main h3, main a, main button, main label, footer a, header a')].filter((element) => {
            const { overflowX, overflowY } = getComputedStyle(element);
            const hidden = (value) => value === 'hidden' || value === 'clip';
            // What is there for assistive technology alone is one pixel wide.
            return element.clientWidth > 1 && ((hidden(overflowX) && element.scrollWidth > element.clientWidth + 1) || (hidden(overflowY) && element.scrollHeight > element.clientHeight + 1));
          });
          return [document.documentElement.scrollWidth - document.documentElement.clientWidth, clipped.map((element) => element.textContent.trim().slice(0, 40))];
        });
        if (found[0] > 0) faults.push(`${path} ${how}: ${found[0]} pixels too wide`);
        if (found[1].length) faults.push(`${path} ${how}: clipped ${found[1]}`);
      }, { ...options, bypassCSP: true });
    }
  }
  assert.deepEqual(faults, []);
});

test('without a script every kind of page says the same words', async () => {
  for (const path of KINDS) {
    const text = (javaScriptEnabled) => page(async (context) => {
      const view = await context.newPage();
      await view.goto(gateway.origin + path);
      return (await view.locator('main').innerText()).replace(/\s+/g, ' ');
    }, { javaScriptEnabled });
    assert.equal(await text(false), await text(true), path);
  }
});

test('French pages keep their high punctuation and guillemets on the line of the word, whatever file the words are in', async () => {
  const faults = new Set();
  await page(async (context) => {
    const view = await context.newPage();
    for (const path of [...addresses, ...WRITTEN.map(([written]) => written)]) {
      await view.goto(gateway.origin + path);
      const loose = await view.evaluate(() => {
        if (document.documentElement.lang !== 'fr') return [];
        const apart = /.{0,25}(?: [:;?!»](?!\S)|« ).{0,15}/g;
        const texts = [...document.querySelectorAll('[alt], [aria-label], meta[name=description]')].flatMap((element) => ['alt', 'aria-label', 'content'].map((name) => element.getAttribute(name) ?? ''));
        const roots = [document, ...[...document.querySelectorAll('template')].map(({ content }) => content)];
        for (const root of roots) {
          const nodes = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
          while (nodes.nextNode()) {
            if (!nodes.currentNode.parentElement?.closest('code, pre, textarea, script, style, math, [lang=en]')) texts.push(nodes.currentNode.data);
          }
        }
        return texts.flatMap((text) => text.match(apart) ?? []);
      });
      for (const text of loose) faults.add(`${path}: ${text}`);
    }
  });
  assert.deepEqual([...faults], []);
});

test('print leaves out what is no content and is dark on white; forced colours keep every button seen', async () => {
  await page(async (context) => {
    const view = await context.newPage();
    await view.goto(`${gateway.origin}/articles/chain-ladder-et-mack/`);
    await view.emulateMedia({ media: 'print' });
    const printed = await view.evaluate(() => ({
      ground: getComputedStyle(document.body).backgroundColor,
      hidden: ['.site-header nav', '.consent'].every((mark) => ![...document.querySelectorAll(mark)].some((element) => element.checkVisibility())),
    }));
    assert.match(printed.ground, /rgba\(0, 0, 0, 0\)|rgb\(255, 255, 255\)/);
    assert.equal(printed.hidden, true);
    assert.ok((await view.pdf()).length > 10_000);
  }, { colorScheme: 'dark' });
  await page(async (context) => {
    const view = await context.newPage();
    await view.goto(`${gateway.origin}/contact/`, { waitUntil: 'networkidle' });
    const borders = await view.locator('.btn:visible').evaluateAll((all) => all.map((button) => getComputedStyle(button).borderStyle));
    assert.ok(borders.length > 3 && borders.every((style) => style === 'solid'), borders.join());
  }, { forcedColors: 'active', reducedMotion: 'reduce' });
});
