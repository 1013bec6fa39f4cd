// Data sets of the client area in real Chromium: a file with faults, its columns told, its marked workbook mended, its
// profile and comparison, a calculation of it and its report; by keyboard alone, and a fault list of 30,000 lines.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { clean, picture } from './looks.mjs';
import { Gateway, browser, client } from './support.mjs';

const ALL = '/espace-client/donnees';
const HEAD = 'Code interne;Nom;Sexe;Date de naissance;Date d’entrée;Salaire annuel brut';

let gateway;
let chromium;
let folder;

before(async () => {
  gateway = await Gateway.start();
  chromium = await browser();
  folder = mkdtempSync(join(tmpdir(), 'aops-donnees-'));
});

after(async () => {
  await chromium?.close();
  gateway?.stop();
  if (folder) rmSync(folder, { recursive: true, force: true });
});

/** A payroll: `pay` moves salaries, `wrong` says which lines have a day that does not exist. */
function payroll(name, { people = 40, pay = 0, head = HEAD, wrong = () => false } = {}) {
  const lines = Array.from({ length: people }, (_, index) => {
    const day = String((index % 28) + 1).padStart(2, '0');
    const born = wrong(index) ? `31/02/${1965 + (index % 30)}` : `${day}/03/${1965 + (index % 30)}`;
    return `${index + 1};Durand;${index % 2 ? 'F' : 'H'};${born};01/09/${1990 + (index % 30)};${30_000 + index * 250 + pay},50`;
  });
  const path = join(folder, name);
  writeFileSync(path, `${head}\n${lines.join('\n')}\n`);
  return path;
}

async function send(page, path, name) {
  await page.locator('#champ-module').selectOption('ifc');
  await page.locator('#champ-fichier').setInputFiles(path);
  if (name) await page.locator('#champ-nom').fill(name);
  await page.locator('#champ-garantie').check();
  await page.locator('main form[enctype] button[type=submit]').click();
}

for (const width of [360, 1280]) {
  test(`a file with faults is mended and ends in a report, ${width} wide`, async () => {
    const page = await client(gateway, chromium, ALL, `donnees-${width}@example.org`, { width, plan: 'illimite' });
    await clean(page);
    await picture(page, `donnees-vide-${width}`);
    assert.equal(await page.locator('#champ-garantie').isChecked(), false, 'the warranty is not ticked beforehand');

    // Last year's file, whose first column is told once.
    await send(page, payroll('paie-2025.csv'), 'Paie 2025');
    await page.waitForSelector('#motifs');
    await clean(page);
    await picture(page, `donnees-colonnes-${width}`);
    const code = page.locator('.field:has(label:has-text("Code interne")) select');
    await code.selectOption('id');
    await page.locator('section[aria-labelledby=colonnes] button[type=submit]').click();
    await page.waitForURL((url) => url.pathname.startsWith(`${ALL}/ds_`));

    // This year's: the column is remembered, three days do not exist.
    await page.goto(gateway.origin + ALL);
    await send(page, payroll('paie-2026.csv', { people: 42, pay: 900, wrong: (index) => index % 15 === 3 }), 'Paie 2026');
    await page.waitForSelector('#fautes');
    assert.match(await page.locator('.callout.fault').innerText(), /^Fautes dans ce fichier\s: 3\./m);
    await clean(page);
    await picture(page, `donnees-fautes-${width}`);
    const [workbook] = await Promise.all([page.waitForEvent('download'), page.locator('a[href$="a-corriger.xlsx"]').click()]);
    const marked = readFileSync(await workbook.path());
    assert.equal(marked.subarray(0, 2).toString(), 'PK');
    assert.match(workbook.suggestedFilename(), /\.xlsx$/);

    // The marked workbook is read back as it is, marks and all: what was not mended in it is still told.
    const back = join(folder, `a-corriger-${width}.xlsx`);
    writeFileSync(back, marked);
    await page.goto(gateway.origin + ALL);
    await send(page, back, 'Paie 2026');
    await page.waitForSelector('#fautes');
    assert.match(await page.locator('.callout.fault').innerText(), /^Fautes dans ce fichier\s: 3\./m);

    // The mended file is sent in its place.
    await page.goto(gateway.origin + ALL);
    await send(page, payroll('paie-2026-corrigee.csv', { people: 42, pay: 900 }), 'Paie 2026');
    await page.waitForURL((url) => url.pathname.startsWith(`${ALL}/ds_`));
    assert.ok(await page.locator('section[aria-labelledby=profil] svg text').count() > 4);
    await clean(page);
    await page.locator('#avec').selectOption({ label: await page.locator('#avec option').first().innerText() });
    await page.locator('section[aria-labelledby=comparer] button').click();
    await page.waitForSelector('section[aria-labelledby=comparer] dl');
    const compared = await page.locator('section[aria-labelledby=comparer] dl').innerText();
    assert.match(compared, /40[\s\S]*42/);
    await clean(page);
    await picture(page, `donnees-profil-${width}`);

    // A calculation of it.
    await page.locator('a.btn[href*="/espace-client/calculs/nouveau"]').click();
    await page.waitForSelector('#champ-donnees');
    assert.match(await page.locator('#prix').innerText(), /ne comptent pas/);
    await clean(page);
    await picture(page, `donnees-calcul-${width}`);
    await page.locator('#champ-nom').fill('Clôture 2026');
    await page.locator('main form[method=post] button.btn:not(.quiet)').click();
    await page.waitForSelector('text=Rapport en PDF', { timeout: 60_000 });
    await clean(page);
    await picture(page, `donnees-resultat-${width}`);
    const [report] = await Promise.all([page.waitForEvent('download'), page.locator('a[href$="rapport.pdf"]').click()]);
    assert.equal(readFileSync(await report.path()).subarray(0, 5).toString(), '%PDF-');
  });

  test(`assumptions are chosen, saved and taken up again, ${width} wide`, async () => {
    const page = await client(gateway, chromium, ALL, `hypotheses-${width}@example.org`, { width, plan: 'illimite' });
    await page.goto(`${gateway.origin}/espace-client/calculs/nouveau?module=ifc`);
    await page.locator('#champ-hypotheses').selectOption('preset_ifc_ias19');
    await page.locator('form[method=get] button').click();
    await page.waitForURL((url) => url.searchParams.get('hypotheses') === 'preset_ifc_ias19');
    assert.match(await page.locator('[id="champ-assumptions.discount_rate-note"]').innerText(), /IAS 19, § 83/);
    assert.equal(await page.locator('[name="assumptions.discount_rate"]').inputValue(), '', 'a market rate is nobody’s preset');
    await clean(page);
    await picture(page, `hypotheses-prereglage-${width}`);
    await page.locator('[name="assumptions.discount_rate"]').fill('3,4');
    await page.locator('[name="assumptions.salary_growth"]').fill('2');
    await page.locator('summary:has-text("Enregistrer ces hypothèses")').click();
    await page.locator('#champ-hypotheses_nom').fill('Clôture 2026');
    await page.locator('#champ-hypotheses_source').fill('Comité du 12 novembre');
    await page.locator('button[formaction]').click();
    await page.waitForURL((url) => url.searchParams.get('fait') === 'enregistre');
    await clean(page);
    await picture(page, `hypotheses-enregistrees-${width}`);
    await page.locator('[name="assumptions.salary_growth"]').fill('abc');
    await page.locator('main form.form button.btn').click();
    await page.waitForSelector('.fault-summary');
    await clean(page);
    await page.locator('[name="assumptions.salary_growth"]').fill('2,5');
    await page.locator('main form.form button.btn').click();
    await page.waitForURL((url) => url.searchParams.get('fait') === 'enregistre');
    await page.goto(`${gateway.origin}/espace-client/hypotheses`);
    await clean(page);
    await picture(page, `hypotheses-${width}`);
    await page.locator('section[aria-labelledby=les-votres] a[href*="/calculs/nouveau"]').click();
    assert.equal(await page.locator('[name="assumptions.salary_growth"]').inputValue(), '2,5');
    await page.goto(`${gateway.origin}/espace-client/hypotheses?lang=en`);
    assert.equal(await page.locator('h1').innerText(), 'Assumptions');
    await page.locator('section[aria-labelledby=les-votres] h3 a').click();
    await page.locator('form[action*="/suppression"] button').click();
    await page.waitForURL((url) => url.searchParams.get('fait') === 'supprime');
    assert.equal(await page.locator('section[aria-labelledby=les-votres] li').count(), 0);
  });
}

/** Tab until what has the focus fits, as somebody without a mouse does. */
async function tabTo(page, selector) {
  for (let presses = 0; presses < 120; presses++) {
    await page.keyboard.press('Tab');
    if (await page.evaluate((wanted) => document.activeElement?.matches(wanted), selector)) return;
  }
  assert.fail(`the keyboard does not reach ${selector}`);
}

test('without a mouse and without JavaScript a file is sent, read and deleted', async () => {
  const page = await client(gateway, chromium, ALL, 'clavier@example.org', { javaScriptEnabled: true, plan: 'illimite' });
  const head = HEAD.replace('Code interne', 'Matricule');
  await tabTo(page, '#champ-module');
  await page.keyboard.type('Indemnités');
  assert.equal(await page.locator('#champ-module').inputValue(), 'ifc');
  await tabTo(page, '#champ-fichier');
  const [chooser] = await Promise.all([page.waitForEvent('filechooser'), page.keyboard.press('Enter')]);
  await chooser.setFiles(payroll('clavier.csv', { head }));
  await tabTo(page, '#champ-garantie');
  await page.keyboard.press('Space');
  await tabTo(page, 'form[enctype] button[type=submit]');
  await page.keyboard.press('Enter');
  await page.waitForURL((url) => url.pathname.startsWith(`${ALL}/ds_`));
  await tabTo(page, 'form[action*="/supprimer"] button');
  const seen = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  assert.notEqual(seen, 'none', 'what has the focus shows it');
  await page.keyboard.press('Enter');
  await page.waitForURL((url) => url.pathname === ALL);
  assert.equal(await page.locator('section[aria-labelledby=charges] tbody tr').count(), 0);

  const plain = await client(gateway, chromium, ALL, 'sans-script@example.org', { javaScriptEnabled: false, plan: 'illimite' });
  await send(plain, payroll('sans-script.csv', { head }), 'Sans script');
  await plain.waitForURL((url) => url.pathname.startsWith(`${ALL}/ds_`));
  assert.equal(await plain.locator('h1').innerText(), 'Sans script');
});

test('a fault list of 30,000 lines stays usable on a phone', async () => {
  const page = await client(gateway, chromium, ALL, 'trente-mille@example.org', { width: 360, plan: 'illimite' });
  const head = HEAD.replace('Code interne', 'Matricule');
  await send(page, payroll('trente-mille.csv', { people: 30_000, head, wrong: () => true }), 'Trente mille');
  await page.waitForSelector('#fautes', { timeout: 60_000 });
  assert.match((await page.locator('.callout.fault').innerText()).replace(/\s/g, ' '), /^Fautes dans ce fichier : 30 000\./m);
  assert.ok(await page.locator('section[aria-labelledby=fautes] tbody tr').count() <= 100, 'a page at a time');
  assert.ok(await page.evaluate(() => document.querySelectorAll('*').length) < 3_000, 'a page that a phone can hold');
  await clean(page);
  await picture(page, 'donnees-30000-360');
  const started = Date.now();
  await page.locator('nav a').filter({ hasText: /derni/i }).click();
  await page.waitForURL((url) => url.searchParams.has('page'));
  assert.ok(Date.now() - started < 5_000, `${Date.now() - started} ms`);
  await clean(page);
  await page.locator('section[aria-labelledby=motifs] tbody a').first().click();
  await page.waitForURL((url) => url.searchParams.has('motif'));
  await clean(page);
});
