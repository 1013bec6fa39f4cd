// The HTML part of mails, as a mail reader shows it: read by everyone, narrow and wide, light and dark.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { HtmlValidate } from 'html-validate';
import { Gateway, browser } from './support.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
const PASSWORD = 'Cheval-correct-agrafe-9';
const LONG = `<script>alert(1)</script> [x](http://evil) שלום 👩🏽‍💻 ${'a'.repeat(300)}`;
const PAGES = {
  fr: ['/newsletter/', '/contact/', '/offres/rente/'],
  en: ['/en/newsletter/', '/en/contact/', '/en/offers/life-annuities/'],
};
/** By words of the subject, in each language: the mails that visitors and clients set off. */
const EXPECTED = [
  'Confirmez votre inscription', 'Confirm your subscription', 'Votre inscription', 'Your subscription',
  'Nous avons reçu votre message', 'We received your message', 'Message du formulaire', 'Votre commande', 'Your order',
];

/** Snapshots of the mails that no journey sets off. */
const SNAPSHOTS = join(dirname(fileURLToPath(import.meta.url)), '../../gateway/src/mail/snapshots');

let gateway;
let chromium;
/** Letters of the journeys: head, text and HTML. */
let mails;
/** The HTML of every mail. */
let pages;

before(async () => {
  gateway = await Gateway.start();
  chromium = await browser();
  for (const lang of ['fr', 'en']) await journeys(lang);
  mails = await written();
  const unsent = readdirSync(SNAPSHOTS).filter((name) => name.endsWith('.html.snap'));
  assert.ok(unsent.length >= 22 && unsent.length % 2 === 0, 'mails in two languages');
  pages = [
    ...mails.map(({ html }) => html),
    ...unsent.map((name) => readFileSync(join(SNAPSHOTS, name), 'utf8').split('\n---\n')[1]),
  ];
});

after(async () => {
  await chromium?.close();
  gateway?.stop();
});

/** Subscribes, confirms, writes and buys. */
async function journeys(lang) {
  const context = await chromium.newContext({ ignoreHTTPSErrors: true, locale: lang });
  const page = await context.newPage();
  const email = `${lang}@example.org`;
  const fill = (path, form) => fillIn(page, gateway.origin + path, form);
  const [newsletter, contact, offer] = PAGES[lang];
  await fill(newsletter, { email });
  await page.goto(await gateway.linkInMail(email, '/newsletter/confirmation?jeton='));
  await fill(contact, { nom: 'Lemoine', prenom: 'Anaïs', email, raison_sociale: 'Essai & fils', adresse: '1 place du Marché', message: LONG });
  gateway.admin(['account', 'create', '--email', email, '--password-stdin', '--verified'], `${PASSWORD}\n`);
  await fill(`/compte/connexion?suite=${offer}`, { email, mot_de_passe: PASSWORD });
  await page.locator('form[action^="/commande"] [name=cgv]').check();
  await page.locator('form[action^="/commande"] button[type=submit]').click();
  await page.locator('button[name=issue][value=payer]').click();
  await context.close();
}

async function fillIn(page, address, form) {
  await page.goto(address);
  for (const [name, value] of Object.entries(form)) await page.locator(`main [name=${name}]`).fill(value);
  await page.locator('main form button[type=submit]').click();
}

/** The letters in the folder, once all that are expected have been written. */
async function written() {
  for (let tries = 0; ; tries++) {
    const found = letters(gateway.root);
    const missing = EXPECTED.filter((subject) => !found.some(({ html }) => html.includes(`<title>${subject}`)));
    if (missing.length === 0) return found;
    assert.ok(tries < 100, `no mail: ${missing.join(', ')}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function letters(root) {
  const folder = join(root, 'data/mail');
  return readdirSync(folder).filter((name) => name.endsWith('.eml')).map((name) => parse(readFileSync(join(folder, name), 'utf8')));
}

/** The two parts of a letter, their quoted-printable undone. */
function parse(eml) {
  const boundary = eml.match(/boundary="([^"]+)"/)[1];
  const [text, html] = eml.split(`--${boundary}`).slice(1, 3).map((part) => {
    const body = part.slice(part.indexOf('\r\n\r\n') + 4).replaceAll('=\r\n', '');
    const bytes = body.replace(/=([0-9A-F]{2})/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)));
    return Buffer.from(bytes, 'latin1').toString('utf8');
  });
  return { head: eml.slice(0, eml.indexOf('\r\n\r\n')), text, html };
}

for (const width of [320, 700]) {
  for (const colorScheme of ['light', 'dark']) {
    test(`every mail can be read by everyone, ${width} px wide, ${colorScheme}`, async () => {
      const context = await chromium.newContext({ colorScheme, viewport: { width, height: 800 } });
      const page = await context.newPage();
      const asked = [];
      page.on('request', (request) => asked.push(request.url()));
      for (const html of pages) {
        await page.setContent(html);
        const title = await page.title();
        assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${title}: no scroll sideways`);
        const ground = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
        assert.equal(ground, colorScheme === 'dark' ? 'rgb(15, 22, 25)' : 'rgb(251, 251, 248)');
        await page.evaluate(axe);
        const { violations } = await page.evaluate((runOnly) => globalThis.axe.run({ runOnly }), RULES);
        assert.deepEqual(violations.map(({ id, nodes }) => `${title}: ${id} ${nodes[0].html}`), []);
      }
      assert.deepEqual(asked, [], 'a mail asks nothing of any server');
      await context.close();
    });
  }
}

test('every mail is valid HTML', async () => {
  const off = ['no-inline-style', 'no-trailing-whitespace', 'doctype-style', 'void-style', 'tel-non-breaking', 'long-title'];
  const validator = new HtmlValidate({ extends: ['html-validate:standard'], rules: Object.fromEntries(off.map((rule) => [rule, 'off'])) });
  for (const html of pages) {
    const { results } = await validator.validateString(html);
    assert.deepEqual(results.flatMap(({ messages }) => messages.map(({ ruleId, message, line }) => `${line}: ${ruleId}: ${message}`)), []);
  }
});

// Proves p-newsletter-fields: one click ends the subscription, from the letter's header and from its text.
test('marketing mails bear a way out, and the others none', () => {
  for (const { head, text, html } of mails) {
    const marketing = /<title>(Votre inscription|Your subscription)/.test(html);
    assert.equal(/^List-Unsubscribe-Post: List-Unsubscribe=One-Click/m.test(head), marketing, html.match(/<title>.*<\/title>/)[0]);
    assert.equal(text.includes('/newsletter/desinscription?jeton='), marketing);
  }
});

test('what a visitor types is shown as it was typed', () => {
  const echoed = mails.filter(({ text }) => text.includes('<script>'));
  assert.equal(echoed.length, 4, 'a receipt and a notice in each language');
  for (const { text, html } of echoed) {
    assert.ok(text.includes('[x](http://evil)'));
    assert.ok(html.includes('&lt;script&gt;alert(1)&lt;/script&gt; [x](http://evil) שלום 👩🏽‍💻'));
  }
});

test('an editor changes a mail and sees it in the next letter', async () => {
  const watched = await Gateway.start({ watched: true });
  const context = await chromium.newContext({ ignoreHTTPSErrors: true });
  try {
    const mail = join(watched.root, 'themes/aops/mail/contact_accuse.md');
    writeFileSync(mail, `${readFileSync(mail, 'utf8')}\n- *Ajouté* par l’éditeur\n`);
    const page = await context.newPage();
    const form = { nom: 'Lemoine', prenom: 'Anaïs', email: 'a@example.org', raison_sociale: 'Essai', adresse: '1 place du Marché' };
    for (let tries = 0; ; tries++) {
      await fillIn(page, `${watched.origin}/contact/`, { ...form, message: `Essai ${tries}` });
      await page.waitForTimeout(500);
      const seen = letters(watched.root).find(({ text }) => text.includes('\n– Ajouté par l’éditeur\r\n'));
      if (seen) {
        assert.match(seen.html, /<li><em>Ajouté<\/em> par l’éditeur<\/li>/);
        return;
      }
      assert.ok(tries < 20, 'the change is seen');
    }
  } finally {
    await context.close();
    watched.stop();
  }
});
