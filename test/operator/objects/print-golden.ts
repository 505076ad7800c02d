/** Writes the golden files of the objects anew: look at the difference before you commit it. */
import { writeFileSync } from 'node:fs';
import { goldenCases, goldenFile, goldenText } from './golden-cases.ts';

for (const each of goldenCases) writeFileSync(goldenFile(each.name), goldenText(each));
