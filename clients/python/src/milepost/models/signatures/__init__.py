"""What models take and give: types, inferring them, and checking data against them without changing a value."""
