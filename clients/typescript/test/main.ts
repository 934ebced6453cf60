/** All tests, in one process with one server. */

import "./support/server.js";
import "./artifacts.test.js";
import "./calls.test.js";
import "./requests.test.js";
import "./streams.test.js";
