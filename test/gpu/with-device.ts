// Loads the emulated CUDA device into this process, as the product loads its CUDA kernels.
import { native } from '../../worker/tensor/native.ts';
import { emulatorHere } from '../setup/emulator.ts';

native.loadLibrary(await emulatorHere());
