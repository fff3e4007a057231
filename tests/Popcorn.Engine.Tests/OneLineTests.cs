namespace Popcorn.Engine.Tests;

public class OneLineTests
{
    [Theory]
    [InlineData("digits", "digits")]
    [InlineData("a\nb\r\tc", "a b  c")]
    [InlineData("\u001b[2Jgone", " [2Jgone")]
    [InlineData("\u009b31m", " 31m")]
    [InlineData("abc\u202ecba", "abc cba")]
    [InlineData("a\u2028b\u2029c\u200bd", "a b c d")]
    [InlineData("Ziffer 数字 ½", "Ziffer 数字 ½")]
    public void What_is_not_seen_does_nothing(string text, string harmless) => Assert.Equal(harmless, OneLine.Of(text));

    [Fact]
    public void Long_text_is_cut() => Assert.Equal("abc…", OneLine.Of("abcdef", longest: 3));
}
