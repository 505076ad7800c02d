// Test files in suites of many (test/setup/suites.ts); npm run check and npm test write them and run them by this.
import config from './ava.config.js';

export default { ...config, files: ['test/.suites/*.test.ts'] };
