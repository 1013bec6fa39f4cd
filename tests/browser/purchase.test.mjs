// A subscription from the basket to its end, in Chromium without JavaScript, at phone and desktop width.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Gateway, browser } from './support.mjs';

const PASSWORD = 'Cheval-correct-agrafe-9';
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
/** Where pictures go, for people to look at. */
const folder = process.env.AOPS_PICTURES;
const MORE = `
[tax]
rules = "french"
number = "FR83404833048"

[[offers]]
id = "places"
module = "ifc"
price_cents = 9000
currency = "EUR"
period = "month"
seats = { most = 5 }
metered = { included = 2, price_cents = 150 }
name = { fr = "IFC par personne", en = "IFC by the person" }
summary = { fr = "Essai.", en = "Trial." }
`;
let gateway, chromium;

before(async () => {
  if (folder) mkdirSync(folder, { recursive: true });
  const configured = (text) => text.replace('\n[[offers]]', `${MORE}\n[[offers]]`);
  [gateway, chromium] = await Promise.all([Gateway.start({ configured }), browser()]);
});

after(async () => {
  await chromium?.close();
  gateway?.stop();
});

for (const [width, scripts] of [[360, false], [1280, false], [1280, true]]) {
  test(`a client orders, changes and ends a subscription at ${width} px ${scripts ? 'with' : 'without'} scripts`, async () => {
    const email = `client${width}${scripts}@example.org`;
    gateway.admin(['account', 'create', '--email', email, '--password-stdin', '--verified'], `${PASSWORD}\n`);
    const context = await chromium.newContext({
      ignoreHTTPSErrors: true, locale: 'fr-FR', javaScriptEnabled: scripts, viewport: { width, height: 900 },
    });
    const page = await context.newPage();
    if (scripts) {
      await page.goto(`${gateway.origin}/`, { waitUntil: 'networkidle' });
      const version = await page.locator('template#consentement').getAttribute('data-version');
      const answer = await context.request.post(`${gateway.origin}/consentement`, { data: { version, audience: false, social: false } });
      assert.ok(answer.ok());
    }
    const looked = async (name) => {
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(wide <= width, `${name} is ${wide} px wide`);
      if (scripts) {
        await page.evaluate(axe);
        const { violations } = await page.evaluate(() => globalThis.axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }));
        assert.deepEqual(violations.map(({ id, nodes }) => [id, nodes[0].html]), [], name);
      }
      if (folder) await page.screenshot({ path: join(folder, `${name}-${width}${scripts ? '-scripts' : ''}.png`), fullPage: true });
    };

    await page.goto(`${gateway.origin}/commande?offre=places`);
    await page.fill('[name=sieges]', '2');
    await page.fill('[name=code_promo]', 'ESSAI10');
    await page.click('button[value=recapituler]');
    // Signing in comes first, and the basket is still there.
    await page.fill('[name=email]', email);
    await page.fill('[name=mot_de_passe]', PASSWORD);
    await page.press('[name=mot_de_passe]', 'Enter');
    await page.waitForURL('**/commande*');
    assert.equal(new URL(page.url()).pathname, '/commande');
    assert.equal(await page.inputValue('[name=sieges]'), '2');
    await page.fill('[name=code_promo]', 'ESSAI10');
    await page.click('button[value=recapituler]');
    const summary = await page.locator('table').innerText();
    for (const amount of ['180,00', '18,00', '32,40', '194,40']) assert.ok(summary.includes(amount), `${amount} in ${summary}`);
    await looked('panier');
    await page.check('[name=cgv]');
    await page.click('form.order [type=submit]');
    assert.match(page.url(), /\/paiement-test\//);
    await looked('paiement');
    await page.click('button[value=payer]');
    assert.match(page.url(), /\/commande\/merci/);

    await page.goto(`${gateway.origin}/espace-client/abonnements`);
    assert.match(await page.locator('main').innerText(), /IFC par personne[\s\S]*Places attribuées : 1 sur 2/);
    await looked('abonnements');
    await page.click('a[href$="/changer"]');
    await page.fill('[name=sieges]', '3');
    await page.click('main form [type=submit]');
    assert.match(await page.locator('main').innerText(), /À payer maintenant/);
    await looked('changement');
    await page.click('text=Changer avec obligation de paiement');
    assert.match(await page.locator('main').innerText(), /3 places/);
    await page.goto(`${gateway.origin}/espace-client/factures`);
    assert.equal(await page.locator('tbody tr').count(), 2);
    await looked('factures');
    const pdf = await context.request.get(gateway.origin + (await page.locator('tbody a').first().getAttribute('href')));
    assert.equal((await pdf.body()).subarray(0, 8).toString(), '%PDF-1.7');

    // Three clicks from the client area.
    await page.goto(`${gateway.origin}/espace-client/`);
    await looked('espace-client');
    await page.click('main a[href="/espace-client/abonnements"]');
    await page.click('a[href$="/resilier"]');
    await looked('resiliation');
    await page.click('text=Notifier la résiliation');
    assert.match(await page.locator('main').innerText(), /Votre résiliation est enregistrée/);
    await page.click('text=Moyen de paiement');
    assert.match(page.url(), /\/paiement-test\/clients\//);
    await looked('client-de-test');
    await context.close();
  });
}
