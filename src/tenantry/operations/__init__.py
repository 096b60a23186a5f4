"""What the commands do, without their words: each function here prints nothing and knows no option."""
