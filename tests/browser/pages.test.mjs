// Every kind of page in real Chromium: accessible, valid, quiet, light, and readable on a narrow screen.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { HtmlValidate } from 'html-validate';
import { Gateway, browser } from './support.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

const PAGES = [
  '/', '/expertises/', '/offres/', '/offres/ifc/', '/articles/', '/articles/rente-viagere-a-65-ans/',
  '/articles/chain-ladder-et-mack/', '/calculateurs/rente/', '/contact/', '/newsletter/', '/confidentialite/',
  '/cookies/', '/cgv/', '/glossaire/', '/recherche/', '/recherche/?q=rente', '/compte/connexion', '/newsletter/merci', '/nulle-part/',
  '/exemples/', '/exemples/ifc/', '/exemples/rente/', '/exemples/provisionnement/', '/faq/', '/etat-des-services/',
  '/newsletter/archives/', '/newsletter/archives/1/', '/accessibilite/', '/plan-du-site/', '/expertises/assurance/',
  '/en/expertise/', '/en/expertise/insurance/', '/en/faq/', '/en/status/', '/en/about/', '/en/legal-notice/',
  '/en/accessibility/', '/en/site-map/',
  '/en/', '/en/search/', '/en/offers/', '/en/contact/', '/en/privacy/', '/en/nowhere/',
];

/** The most a first load may weigh, in bytes on the wire, and the most requests. */
const WEIGHT = 25_000;
const REQUESTS = 6;

let gateway;
let chromium;

before(async () => {
  gateway = await Gateway.start();
  chromium = await browser();
});

after(async () => {
  await chromium?.close();
  gateway?.stop();
});

for (const path of PAGES) {
  test(`${path} is light, quiet and sets nothing`, async () => {
    const context = await chromium.newContext({ ignoreHTTPSErrors: true, viewport: { width: 360, height: 740 } });
    const page = await context.newPage();
    const session = await context.newCDPSession(page);
    await session.send('Network.enable');
    let bytes = 0;
    let requests = 0;
    const strangers = [];
    const complaints = [];
    session.on('Network.loadingFinished', ({ encodedDataLength }) => { bytes += encodedDataLength; });
    page.on('request', (request) => {
      requests += 1;
      if (!request.url().startsWith(gateway.origin) && !request.url().startsWith('data:')) strangers.push(request.url());
    });
    page.on('console', (message) => {
      // The status of a page for what does not exist is itself told as an error.
      if (message.type() === 'error' && !message.text().includes('404')) complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(String(error)));
    await page.goto(gateway.origin + path, { waitUntil: 'networkidle' });
    assert.deepEqual(strangers, []);
    assert.deepEqual(complaints, []);
    assert.deepEqual(await context.cookies(), []);
    assert.ok(bytes > 500 && bytes <= WEIGHT, `${bytes} bytes`);
    assert.ok(requests <= REQUESTS, `${requests} requests`);
    await context.close();
  });

  test(`${path} is accessible in every light and width, and valid`, async () => {
    for (const colorScheme of ['light', 'dark']) {
      for (const width of [360, 1440]) {
        const context = await chromium.newContext({ ignoreHTTPSErrors: true, colorScheme, viewport: { width, height: 900 }, bypassCSP: true });
        const page = await context.newPage();
        await page.goto(gateway.origin + path);
        await page.evaluate(axe);
        const { violations } = await page.evaluate(() => globalThis.axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }));
        const told = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target).join(', ')}`);
        assert.deepEqual(told, [], `${colorScheme} ${width}`);
        if (width === 360) {
          await page.setViewportSize({ width: 320, height: 700 });
          const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
          assert.ok(overflow <= 0, `${overflow} pixels too wide at 320`);
        }
        await context.close();
      }
    }
    const request = await chromium.newContext({ ignoreHTTPSErrors: true });
    const answer = await request.request.get(gateway.origin + path);
    const validator = new HtmlValidate({ extends: ['html-validate:standard'], rules: { 'long-title': 'off', 'tel-non-breaking': 'off', 'no-trailing-whitespace': 'off', 'doctype-style': 'off', 'void-style': 'off', 'attribute-boolean-style': 'off' } });
    const report = await validator.validateString(await answer.text());
    const faults = report.results.flatMap(({ messages }) => messages.filter(({ severity }) => severity === 2).map(({ ruleId, message, line }) => `${line}: ${ruleId}: ${message}`));
    assert.deepEqual(faults, []);
    await request.close();
  });
}
