// Loads the emulated CUDA device into this process, as the product loads its CUDA kernels. Where
// ANNEAL_TEST_DEVICE is cuda, the kernels of the installation are tested, on the GPU that is there.
import { native } from '../../worker/tensor/native.ts';
import { emulatorHere } from '../setup/emulator.ts';

if (process.env['ANNEAL_TEST_DEVICE'] !== 'cuda') native.loadLibrary(await emulatorHere());
