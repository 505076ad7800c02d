// First half of the combinations that cover all pairs of values of two axes.
import test from 'ava';
import { setThreads } from '../../../worker/tensor/threads.ts';
import { halves, trainedTwice } from './trained-twice.ts';

test.before(() => setThreads(1));

for (const [words, method] of halves[0] ?? []) test.serial(words, trainedTwice, method);
