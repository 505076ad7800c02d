import { testsOnADevice } from './methods.ts';

testsOnADevice('short');
