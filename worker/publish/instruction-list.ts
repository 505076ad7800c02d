// Instructions that say what form an answer must have: four of each form, in an order that has all
// forms in every sixteen.
import type { AnswerForm } from './answer-form.ts';

export interface Instruction {
  readonly prompt: string;
  readonly form: AnswerForm;
}

const of = (prompt: string, form: AnswerForm): Instruction => ({ prompt, form });

const byForm: readonly (readonly Instruction[])[] = [
  [
    of('Describe the sea in at most ten words.', { type: 'Words', most: 10 }),
    of('Explain what a bridge is for. Use at least 40 words.', { type: 'Words', least: 40 }),
    of('Name a fruit. Answer with a single word.', { type: 'Words', most: 1 }),
    of('Say in 5 to 15 words why people sleep.', { type: 'Words', least: 5, most: 15 }),
  ],
  [
    of('Tell me about cats in exactly two sentences.', { type: 'Sentences', exactly: 2 }),
    of('Explain rain in one sentence.', { type: 'Sentences', exactly: 1 }),
    of('Describe a library in exactly three sentences.', { type: 'Sentences', exactly: 3 }),
    of('Write one sentence about winter.', { type: 'Sentences', exactly: 1 }),
  ],
  [
    of('List three colors as bullet points that begin with "-". Write nothing else.', {
      ...{ type: 'Bullets', exactly: 3 },
    }),
    of('Give two tips for better sleep, each on a line that begins with "*", and no other line.', {
      ...{ type: 'Bullets', exactly: 2 },
    }),
    of('Name four animals, one on each line, each line beginning with "- ".', {
      ...{ type: 'Bullets', exactly: 4 },
    }),
    of('Answer with bullet points alone: which three things does a plant need?', {
      ...{ type: 'Bullets', exactly: 3 },
    }),
  ],
  [
    of('Give the steps to make tea as a numbered list of exactly three lines, without a heading.', {
      ...{ type: 'Numbered', exactly: 3 },
    }),
    of('Number two reasons to learn a language, as "1." and "2.". Write nothing else.', {
      ...{ type: 'Numbered', exactly: 2 },
    }),
    of('Write a numbered list of four cities and nothing else.', {
      ...{ type: 'Numbered', exactly: 4 },
    }),
    of('Number the first three months of the year, one on a line, and write nothing else.', {
      ...{ type: 'Numbered', exactly: 3 },
    }),
  ],
  [
    of('Write two short paragraphs about trains, with an empty line between them.', {
      ...{ type: 'Paragraphs', exactly: 2 },
    }),
    of('Describe bread in a single paragraph.', { type: 'Paragraphs', exactly: 1 }),
    of('Write three very short paragraphs about a day at the beach.', {
      ...{ type: 'Paragraphs', exactly: 3 },
    }),
    of('Compare dogs and cats in two short paragraphs, one for each.', {
      ...{ type: 'Paragraphs', exactly: 2 },
    }),
  ],
  [
    of('Write a sentence with the words "river" and "stone".', {
      ...{ type: 'Contains', words: ['river', 'stone'] },
    }),
    of('Describe a garden. Use the words "green", "quiet" and "morning".', {
      ...{ type: 'Contains', words: ['green', 'quiet', 'morning'] },
    }),
    of('Recommend a hobby and use the word "patience".', {
      ...{ type: 'Contains', words: ['patience'] },
    }),
    of('Write about a journey with the words "map" and "train".', {
      ...{ type: 'Contains', words: ['map', 'train'] },
    }),
  ],
  [
    of('Describe your favorite season without any comma.', { type: 'Without', characters: ',' }),
    of('Write one sentence about dogs without the letter "z".', {
      ...{ type: 'Without', characters: 'z' },
    }),
    of('Say why reading is useful, without any exclamation mark or question mark.', {
      ...{ type: 'Without', characters: '!?' },
    }),
    of('Describe the moon without using any digit.', {
      ...{ type: 'Without', characters: '0123456789' },
    }),
  ],
  [
    of('Begin your answer with "Dear friend," and thank them for a gift.', {
      ...{ type: 'Begins', text: 'Dear friend,' },
    }),
    of('Start your answer with the word "Because" and say why the sky is blue.', {
      ...{ type: 'Begins', text: 'Because' },
    }),
    of('Begin with "Once upon a time" and tell a story of two sentences.', {
      ...{ type: 'Begins', text: 'Once upon a time' },
    }),
    of('Your answer must begin with "First". How do I boil an egg?', {
      ...{ type: 'Begins', text: 'First' },
    }),
  ],
  [
    of('Wish me a good day. End your answer with "Goodbye."', { type: 'Ends', text: 'Goodbye.' }),
    of('Explain what a clock does. End with "That is all."', {
      ...{ type: 'Ends', text: 'That is all.' },
    }),
    of('Ask me one question, and end with a question mark.', { type: 'Ends', text: '?' }),
    of('Write one sentence about music that ends with an exclamation mark.', {
      ...{ type: 'Ends', text: '!' },
    }),
  ],
  [
    of('Give a title for a poem about autumn, in double quotes, and nothing else.', {
      ...{ type: 'Enclosed', begin: '"', end: '"' },
    }),
    of('Write the name of a planet in square brackets, like [Name], and nothing else.', {
      ...{ type: 'Enclosed', begin: '[', end: ']' },
    }),
    of('Name a country between double angle brackets, like <<Name>>, and nothing else.', {
      ...{ type: 'Enclosed', begin: '<<', end: '>>' },
    }),
    of('Write a short note about lunch in parentheses, with nothing outside of them.', {
      ...{ type: 'Enclosed', begin: '(', end: ')' },
    }),
  ],
  [
    of('Say hello in capital letters only.', { type: 'Case', is: 'Upper' }),
    of('Describe a tree in lowercase letters only.', { type: 'Case', is: 'Lower' }),
    of('Write a warning about ice on the road in capital letters only.', {
      ...{ type: 'Case', is: 'Upper' },
    }),
    of('Write one sentence about coffee entirely in lowercase.', { type: 'Case', is: 'Lower' }),
  ],
  [
    of('Answer with a JSON object alone, with the keys "name" and "age" of a person.', {
      ...{ type: 'Json', keys: ['name', 'age'] },
    }),
    of('Give the capital of France as a JSON object with the key "capital", and nothing else.', {
      ...{ type: 'Json', keys: ['capital'] },
    }),
    of('Write a JSON object with the keys "title" and "author" of a book, and nothing else.', {
      ...{ type: 'Json', keys: ['title', 'author'] },
    }),
    of('Answer in JSON alone: an object with the key "colors", a list of two colors.', {
      ...{ type: 'Json', keys: ['colors'] },
    }),
  ],
  [
    of('What is 7 plus 5? Answer with the number alone.', { type: 'Number', value: 12 }),
    of('How many days has a week? Answer with digits alone.', { type: 'Number', value: 7 }),
    of('What is 9 times 3? Write only the number.', { type: 'Number', value: 27 }),
    of('How many legs has a spider? Write one number and nothing else.', {
      ...{ type: 'Number', value: 8 },
    }),
  ],
  [
    of('Is ice cold? Answer with yes or no alone.', { type: 'OneOf', choices: ['yes', 'no'] }),
    of('Is a whale a fish? Answer "true" or "false" and nothing else.', {
      ...{ type: 'OneOf', choices: ['true', 'false'] },
    }),
    of('Which is larger, the sun or the moon? Answer with one word: sun or moon.', {
      ...{ type: 'OneOf', choices: ['sun', 'moon'] },
    }),
    of('Do birds have feathers? Answer with yes, no or maybe, in one word.', {
      ...{ type: 'OneOf', choices: ['yes', 'no', 'maybe'] },
    }),
  ],
  [
    of('Name three metals in one line, separated by semicolons, and nothing else.', {
      ...{ type: 'Separated', by: ';', exactly: 3 },
    }),
    of('Name four seasons separated by " | ", and nothing else.', {
      ...{ type: 'Separated', by: '|', exactly: 4 },
    }),
    of('Write two greetings with "***" between them, and nothing else.', {
      ...{ type: 'Separated', by: '***', exactly: 2 },
    }),
    of('List two drinks separated by a slash, and nothing else.', {
      ...{ type: 'Separated', by: '/', exactly: 2 },
    }),
  ],
  [
    of('Answer in German: how is the weather in spring?', { type: 'Language', is: 'German' }),
    of('Answer in French: what do you eat for breakfast?', { type: 'Language', is: 'French' }),
    of('Answer in Spanish: why do people travel?', { type: 'Language', is: 'Spanish' }),
    of('Answer in Italian: what is a good friend?', { type: 'Language', is: 'Italian' }),
  ],
];

export const instructions: readonly Instruction[] = [0, 1, 2, 3].flatMap((round) =>
  byForm.flatMap((all) => all.slice(round, round + 1)),
);
