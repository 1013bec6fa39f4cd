// Calculations of the client area in real Chromium: the guided first run, assumptions, comparison, deletion.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { clean, picture } from './looks.mjs';
import { Gateway, browser, client } from './support.mjs';

const ALL = '/espace-client/calculs';

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

for (const width of [390, 1280]) {
  test(`a first run goes from the sample to its report, then to one's own assumptions, ${width} wide`, async () => {
    const page = await client(gateway, chromium, ALL, `calcul-${width}@example.org`, { width, plan: 'illimite' });
    await clean(page);
    await picture(page, `calculs-vide-${width}`);
    await page.locator('form:has([value=ifc]) button').click();
    await page.waitForSelector('text=Rapport en PDF', { timeout: 60_000 });
    await clean(page);
    await picture(page, `calcul-${width}`);
    const first = page.url();
    for (const [form, begins] of [['pdf', '%PDF-'], ['xlsx', 'PK'], ['json', '{']]) {
      const report = await page.request.get(`${first.split('?')[0]}/rapport.${form}`);
      assert.equal(report.status(), 200, form);
      assert.equal(report.headers()['cache-control'], 'no-store');
      assert.equal((await report.body()).subarray(0, begins.length).toString(), begins);
    }
    await page.locator('a[href*="copie="]').click();
    await clean(page);
    await picture(page, `calcul-nouveau-${width}`);
    await page.locator('[name=nom]').fill('Taux plus bas');
    await page.locator('[name="assumptions.discount_rate"]').fill('abc');
    await page.getByRole('button', { name: 'Lancer le calcul' }).click();
    await page.waitForSelector('.fault-summary');
    await clean(page);
    await page.locator('[name="assumptions.discount_rate"]').fill('2,9');
    await page.getByRole('button', { name: 'Lancer le calcul' }).click();
    await page.waitForSelector('text=Rapport en PDF', { timeout: 60_000 });
    await page.locator('form[action$="/comparaison"] button').click();
    await page.waitForSelector('#hypotheses');
    await clean(page);
    await picture(page, `calcul-comparaison-${width}`);
    assert.match(await page.locator('main').innerText(), /actualisation\s+3,40\s%\s+2,90\s%/);
    await page.locator('button[name=causes]').click();
    await page.waitForSelector('section[aria-labelledby=causes] table');
    await clean(page);
    await picture(page, `calcul-causes-${width}`);
    // One thing changed: its effect is the whole difference.
    assert.match(await page.locator('section[aria-labelledby=causes]').innerText(), /actualisation\s+[+\u2212][\d\s,]+€\s/);
    await page.goto(first);
    await page.locator('form[action*="/suppression"] button').click();
    await page.waitForURL((url) => url.searchParams.get('fait') === 'supprime');
    await clean(page);
    await picture(page, `calculs-${width}`);
    assert.equal(await page.locator('tbody tr').count(), 1);
  });
}

test('without JavaScript a calculation is run and read, and in English', async () => {
  const page = await client(gateway, chromium, ALL, 'sans-script@example.org', { javaScriptEnabled: false, width: 390, plan: 'illimite' });
  await page.goto(`${gateway.origin}${ALL}?lang=en`);
  assert.equal(await page.locator('h1').innerText(), 'Calculations');
  await page.locator('form:has([value=courbe]) button').click();
  for (let tries = 0; tries < 60 && !(await page.locator('text=PDF report').count()); tries++) {
    await page.waitForTimeout(500);
    await page.goto(page.url());
  }
  assert.equal(await page.locator('text=PDF report').count(), 1);
  assert.ok(await page.locator('.chart svg text').count() > 4);
});
