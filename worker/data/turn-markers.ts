// Strings around the assistant's turns, by family of chat templates: the last resort for templates
// that rewrite earlier turns, such as those that drop reasoning.

interface TurnMarkers {
  readonly family: string;
  readonly begin: string;
  /** Part of the turn: the model must learn to stop. */
  readonly end: string;
}

const turnMarkers: readonly TurnMarkers[] = [
  { family: 'ChatML', begin: '<|im_start|>assistant\n', end: '<|im_end|>' },
  {
    family: 'Llama 3',
    begin: '<|start_header_id|>assistant<|end_header_id|>\n\n',
    end: '<|eot_id|>',
  },
  { family: 'Gemma', begin: '<start_of_turn>model\n', end: '<end_of_turn>' },
  { family: 'Phi-3', begin: '<|assistant|>\n', end: '<|end|>' },
  { family: 'Zephyr', begin: '<|assistant|>\n', end: '</s>' },
  { family: 'DeepSeek', begin: '<｜Assistant｜>', end: '<｜end▁of▁sentence｜>' },
  { family: 'Llama 2, Mistral', begin: '[/INST]', end: '</s>' },
];

/** The first family whose two markers are both in a rendered conversation. */
export function markersIn(text: string): TurnMarkers | undefined {
  return turnMarkers.find(({ begin, end }) => text.includes(begin) && text.includes(end));
}
