// Test files in suites of many: test/setup/suites.ts writes them and this list; npm run check and
// npm test run them by this.
import config from './ava.config.js';
import files from './test/.suites/files.json' with { type: 'json' };

export default { ...config, files };
