// Every kind of page in real Chromium: accessible in each light and width, and valid. Signed-in pages too.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { HtmlValidate } from 'html-validate';
import { KINDS, WRITTEN } from './page_kinds.mjs';
import { Gateway, browser } from './support.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
// Off: how the same document may be written (the Nu checker judges whether it is right), and the length of titles.
const validator = new HtmlValidate({ extends: ['html-validate:standard'], rules: { 'long-title': 'off', 'tel-non-breaking': 'off', 'no-trailing-whitespace': 'off', 'doctype-style': 'off', 'void-style': 'off', 'attribute-boolean-style': 'off' } });

/** Every light at every width with AOPS_TEST_SLOW; each once in haste. */
const LOOKS = process.env.AOPS_TEST_SLOW ? [['light', 360], ['dark', 360], ['light', 1440], ['dark', 1440]] : [['light', 360], ['dark', 1440]];

let gateway;
let chromium;

before(async () => {
  [gateway, chromium] = await Promise.all([Gateway.start(), browser()]);
});

after(async () => {
  await chromium?.close();
  gateway?.stop();
});

async function audit(context, path) {
  const page = await context.newPage();
  const answer = await page.goto(gateway.origin + path);
  const told = [];
  await page.evaluate(axe);
  for (const [colorScheme, width] of LOOKS) {
    await page.setViewportSize({ width, height: 900 });
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await page.waitForTimeout(50);
    const { violations } = await page.evaluate(() => globalThis.axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }));
    told.push(...violations.map(({ id, nodes }) => `${colorScheme} ${width} ${id}: ${nodes.map(({ target }) => target).join(', ')}`));
  }
  const report = await validator.validateString(await answer.text());
  const faults = report.results.flatMap(({ messages }) => messages.filter(({ severity }) => severity === 2).map(({ ruleId, message, line }) => `${line}: ${ruleId}: ${message}`));
  await page.close();
  assert.deepEqual([...told, ...faults], []);
}

/** What staff pages show: breaches with a clock and without, an exercise, audits to answer and to end. */
function entered() {
  const report = (data, ...more) => gateway.admin(['breach', 'report', '--what', 'Une copie est partie', '--data', data, '--measures', 'Accès fermé', ...more]);
  report('orders,accounts', '--rehearsal');
  report('newsletter', '--sealed', '--level', 'negligible');
  const filed = report('accounts', '--rehearsal');
  gateway.admin(['breach', 'filed', filed.id, '--reference', 'N1']);
  const auditor = ['--auditor', 'Inès Roux', '--firm', 'Contrôle & fils', '--email', 'ines@example.org', '--scope', 'Chiffrement et accès'];
  const ask = (first) => gateway.admin(['client-audit', 'ask', '--account', 'owner@example.org', '--first', first, ...auditor]);
  const accepted = ask('2100-03-01');
  gateway.admin(['client-audit', 'accept', accepted.id]);
  ask('2102-03-01');
}

const anonymous = () => chromium.newContext({ ignoreHTTPSErrors: true, bypassCSP: true, locale: 'fr-FR' });

for (const path of [...KINDS, ...WRITTEN.map(([written]) => written)]) {
  test(`${path} is accessible in light and dark, narrow and wide, and valid`, async () => {
    const context = await anonymous();
    await audit(context, path);
    await context.close();
  });
}

test('the pages of those who signed in are accessible and valid: client area, order, staff figures', async () => {
  const password = 'Cheval-correct-agrafe-9';
  const today = new Date().toISOString().slice(0, 10);
  for (const [role, paths] of [['owner', ['/espace-client/', '/espace-client/journal', '/espace-client/confidentialite', '/espace-client/audit', '/espace-client/personnes', '/espace-client/cles', '/espace-client/webhooks', '/espace-client/double-authentification', '/offres/rente/']], ['dpo', ['/equipe/audience', '/equipe/audience?jours=7', '/equipe/violations', '/equipe/audits', '/equipe/prestataires']]]) {
    gateway.admin(['account', 'create', '--email', `${role}@example.org`, '--password-stdin', '--verified', '--role', role, '--trained', today, '--secrecy', today], `${password}\n`);
    if (role === 'dpo') entered();
    const context = await anonymous();
    const page = await context.newPage();
    await page.goto(`${gateway.origin}/compte/connexion`);
    await page.fill('[name=email]', `${role}@example.org`);
    await page.fill('[name=mot_de_passe]', password);
    await page.locator('main form button[type=submit]').click();
    // A page closed while it goes to another never tells that it is closed.
    await page.waitForURL('**/espace-client/');
    await page.waitForLoadState();
    await page.close();
    for (const path of paths) await audit(context, path);
    await context.close();
  }
});
