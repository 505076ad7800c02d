// The rows that test/e2e/world-methods.test.ts leaves out.
import { testsOfWorlds } from '../e2e/world-methods.ts';

await testsOfWorlds('others');
