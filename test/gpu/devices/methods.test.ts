// The rows that test/gpu/training/methods.test.ts leaves out.
import { testsOnADevice } from '../training/methods.ts';

testsOnADevice('others');
