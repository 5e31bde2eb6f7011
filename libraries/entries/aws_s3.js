// S3 and what it needs to sign its requests: the SDK as a whole is twenty times larger.
require("aws-sdk/lib/node_loader");
const AWS = require("aws-sdk/lib/core");
AWS.S3 = require("aws-sdk/clients/s3");
AWS.STS = require("aws-sdk/clients/sts");
module.exports = AWS;
