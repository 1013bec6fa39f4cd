// An organisation of several people, in Chromium: invited, joined, given another role, removed, and a key for their
// programs; without JavaScript and with it, at phone and desktop width.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { HtmlValidate } from 'html-validate';
import { Gateway, browser } from './support.mjs';

const PASSWORD = 'Cheval-correct-agrafe-9';
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const validator = new HtmlValidate({ extends: ['html-validate:standard'], rules: { 'long-title': 'off', 'tel-non-breaking': 'off', 'no-trailing-whitespace': 'off', 'doctype-style': 'off', 'void-style': 'off', 'attribute-boolean-style': 'off' } });
/** Where pictures go, for people to look at. */
const folder = process.env.AOPS_PICTURES;
let gateway, chromium;

before(async () => {
  if (folder) mkdirSync(folder, { recursive: true });
  [gateway, chromium] = await Promise.all([Gateway.start(), browser()]);
});

after(async () => {
  await chromium?.close();
  gateway?.stop();
});

for (const [width, scripts] of [[360, false], [360, true], [1280, true]]) {
  test(`an owner invites, changes and removes a colleague, and makes a key, at ${width} px ${scripts ? 'with' : 'without'} scripts`, async () => {
    const [owner, colleague] = ['proprietaire', 'collegue'].map((who) => `${who}${width}${scripts}@example.org`);
    gateway.admin(['account', 'create', '--email', owner, '--password-stdin', '--verified'], `${PASSWORD}\n`);
    const visitor = async () => {
      const context = await chromium.newContext({
        ignoreHTTPSErrors: true, bypassCSP: true, locale: 'fr-FR', javaScriptEnabled: scripts, viewport: { width, height: 900 },
      });
      const page = await context.newPage();
      if (scripts) {
        await page.goto(`${gateway.origin}/`, { waitUntil: 'networkidle' });
        const version = await page.locator('template#consentement').getAttribute('data-version');
        const answer = await context.request.post(`${gateway.origin}/consentement`, { data: { version, audience: false, social: false } });
        assert.ok(answer.ok());
      }
      return page;
    };
    const looked = async (page, name) => {
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(wide <= width, `${name} is ${wide} px wide`);
      if (scripts) {
        await page.evaluate(axe);
        const { violations } = await page.evaluate(() => globalThis.axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }));
        assert.deepEqual(violations.map(({ id, nodes }) => [id, nodes[0].html]), [], name);
      }
      if (folder) await page.screenshot({ path: join(folder, `${name}-${width}${scripts ? '-scripts' : ''}.png`), fullPage: true });
    };
    const valid = async (page, path) => {
      const answer = await page.goto(gateway.origin + path);
      const report = await validator.validateString(await answer.text());
      const faults = report.results.flatMap(({ messages }) => messages.filter(({ severity }) => severity === 2).map(({ ruleId, message, line }) => `${line}: ${ruleId}: ${message}`));
      assert.deepEqual(faults, [], path);
    };

    const page = await visitor();
    await page.goto(`${gateway.origin}/compte/connexion`);
    await page.fill('[name=email]', owner);
    await page.fill('[name=mot_de_passe]', PASSWORD);
    await page.locator('main form button[type=submit]').click();
    await page.waitForURL('**/espace-client/');
    await looked(page, 'espace');
    await page.locator('main a[href^="/espace-client/personnes"]').click();
    await looked(page, 'personnes-seul');
    await page.fill('[name=email]', owner);
    await page.getByRole('button', { name: 'Envoyer l’invitation' }).click();
    assert.match(await page.locator('.fault-summary').innerText(), /fait déjà partie/);
    await looked(page, 'personnes-faute');
    await page.fill('[name=email]', colleague);
    await page.getByRole('radio', { name: 'Membre' }).check();
    await page.getByRole('button', { name: 'Envoyer l’invitation' }).click();
    assert.match(await page.locator('[role=status]').innerText(), /est partie/);
    await looked(page, 'personnes-invitee');

    const other = await visitor();
    await other.goto(await gateway.linkInMail(colleague, '/invitation?jeton='));
    await looked(other, 'invitation');
    const typed = { prenom: 'Anaïs', nom: 'Lemoine', profession: 'Actuaire', mot_de_passe: PASSWORD };
    for (const [name, value] of Object.entries(typed)) await other.fill(`[name=${name}]`, value);
    await other.check('[name=cgu]');
    await other.locator('main form button[type=submit]').click();
    await other.waitForURL('**/espace-client/');
    await looked(other, 'espace-membre');
    assert.equal(await other.locator('main a[href^="/espace-client/factures"]').count(), 0);
    const refused = await other.goto(`${gateway.origin}/espace-client/factures`);
    assert.equal(refused.status(), 403);
    await other.goto(`${gateway.origin}/espace-client/personnes`);
    assert.equal(await other.getByRole('button', { name: 'Envoyer l’invitation' }).count(), 0);
    await looked(other, 'personnes-membre');

    await page.goto(`${gateway.origin}/espace-client/personnes`);
    await page.locator('select[name=role]').selectOption('read-only');
    await page.getByRole('button', { name: 'Changer le rôle' }).click();
    assert.match(await page.locator('[role=status]').innerText(), /rôle est changé/);
    await page.locator('main summary').click();
    await looked(page, 'personnes');
    await valid(page, '/espace-client/personnes');

    await page.goto(`${gateway.origin}/espace-client/cles`);
    await looked(page, 'cles-aucune');
    await page.fill('[name=nom_cle]', 'Paie, serveur de Lyon');
    await page.getByRole('button', { name: 'Créer la clé' }).click();
    assert.match(await page.locator('.fault-summary').innerText(), /Cochez/);
    await page.check('[name="compute"]');
    await page.check('[name="account:read"]');
    await page.getByRole('button', { name: 'Créer la clé' }).click();
    const key = await page.locator('code.key').innerText();
    await looked(page, 'cles-nouvelle');
    const asks = (path) => fetch(gateway.origin + path, { headers: { authorization: `Bearer ${key}` } }).then(({ status }) => status);
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
    assert.equal(await asks('/api/v1/account'), 200);
    await page.goto(`${gateway.origin}/espace-client/cles`);
    assert.ok(!(await page.content()).includes(key), 'it is shown once');
    await looked(page, 'cles');
    await valid(page, '/espace-client/cles');
    await page.getByRole('button', { name: 'Révoquer' }).click();
    assert.match(await page.locator('[role=status]').innerText(), /révoquée/);
    assert.equal(await asks('/api/v1/account'), 401);

    await page.goto(`${gateway.origin}/espace-client/personnes?lang=en`);
    await looked(page, 'people');
    await page.locator('main summary').click();
    await page.getByRole('button', { name: 'Remove from the organisation' }).click();
    assert.match(await page.locator('[role=status]').innerText(), /person is removed/);
    await other.goto(`${gateway.origin}/espace-client/`);
    assert.match(other.url(), /\/compte\/connexion/);
    await page.context().close();
    await other.context().close();
  });
}
