import { testsOfWorlds } from './world-methods.ts';

await testsOfWorlds('short');
