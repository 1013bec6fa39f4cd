// Prints the table of docs/site.md: for each kind of page, bytes and requests of a first load, layout shift, and the four
// scores of Lighthouse (mobile, median of three). Run it on a release build: AOPS=… node tests/browser/measure.mjs

import { launch } from 'chrome-launcher';
import lighthouse from 'lighthouse';
import { KINDS } from './page_kinds.mjs';
import { CHROMIUM, Gateway } from './support.mjs';

const RUNS = Number(process.env.RUNS ?? 3);
const gateway = await Gateway.start();
const chrome = await launch({ chromePath: CHROMIUM, chromeFlags: ['--headless=new', '--no-sandbox', '--disable-gpu', '--ignore-certificate-errors'] });
const median = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
console.log('| page | bytes | requests | shift | performance | accessibility | best practices | search |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |');
for (const path of process.argv.length > 2 ? process.argv.slice(2) : KINDS) {
  const runs = [];
  for (let run = 0; run < RUNS; run++) runs.push((await lighthouse(gateway.origin + path, { port: chrome.port, output: 'json', logLevel: 'error' })).lhr);
  const items = runs[0].audits['network-requests'].details.items;
  const score = (category) => Math.round(100 * median(runs.map(({ categories }) => categories[category].score)));
  const shift = median(runs.map(({ audits }) => audits['cumulative-layout-shift'].numericValue));
  console.log(`| \`${path}\` | ${items.reduce((sum, { transferSize }) => sum + transferSize, 0)} | ${items.length} | ${shift.toFixed(3)} | ${['performance', 'accessibility', 'best-practices', 'seo'].map(score).join(' | ')} |`);
}
await chrome.kill();
gateway.stop();
