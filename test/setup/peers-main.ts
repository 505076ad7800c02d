/** `npm run peers`: makes the Python environments of the tests now, and says where they are. */
import { attempt } from '../../cli/setup/attempt.ts';
import { ensureLlama } from './llama.ts';
import { ensurePeers } from './peers.ts';

await attempt(async (setup) => {
  const { python } = await ensurePeers(setup);
  setup.steps.note(`transformers, PEFT, TRL: ${python}`);
  const llama = await ensureLlama(setup);
  setup.steps.note(`llama.cpp: ${llama.python}`);
  return 0;
});
