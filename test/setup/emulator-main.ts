/** Builds the emulated device and prints the path of its library. */
import { thisSetup } from '../../cli/setup/setup.ts';
import { ensureEmulator } from './emulator.ts';

process.stdout.write(`${await ensureEmulator(thisSetup(new AbortController().signal))}\n`);
